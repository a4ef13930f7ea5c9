"""The edits of a source's contract as a diff of the files that state it.

The text is edited where its syntax tree says, so that the rest stays as it was written. Long lines are
folded as `ruff format` would.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from difflib import unified_diff
from functools import partial
from pathlib import Path

from ingestion.inference.findings import Alias, Edit, NewField, NewWord
from validation.contract import Type
from validation.errors import Defect
from validation.source import Source, Treatment

_WIDTH = 110
_INDENT = " " * 8
_TYPES = {
    Type.STRING: "_S",
    Type.LONG: "_L",
    Type.INT: "_I",
    Type.DOUBLE: "_D",
    Type.BOOLEAN: "_B",
    Type.TIMESTAMP: "_T",
    Type.STRINGS: "Type.STRINGS",
}
_OF_GROUP = {
    "plain": "",
    "required": ", required=True",
    "sealed": ", treatment=Treatment.SEALED",
}
COLUMNS_FILE = "validation/columns.py"


def source_file(name: str) -> str:
    """The file that states the source's contract, from the project's folder."""
    return f"validation/sources/{name}.py"


def edited_files(root: Path, source: Source, edits: Sequence[Edit]) -> dict[str, tuple[str, str]]:
    """By file, its text as it is and as it would be; nothing without an edit.

    Raises:
        Defect: a file is not written as its neighbours are.
    """
    if not edits:
        return {}
    steps: dict[str, list[Callable[[str], str]]] = {source_file(source.name): [_with_next_version]}
    for edit in edits:
        steps[source_file(source.name)].append(_step(edit))
        if isinstance(edit, NewField) and edit.column is not None:
            bronze = f"validation/contracts/bronze/{source.name}.py"
            steps.setdefault(bronze, []).append(partial(_with_picked, column=edit.column))
            if edit.is_new_column:
                beside = [each.column for each in source.fields if each.treatment is Treatment.PLAIN][-1]
                assert beside is not None
                steps.setdefault(COLUMNS_FILE, []).append(
                    partial(_with_column, name=edit.column, of_type=edit.type, beside=beside)
                )
    files = {}
    for name, of_file in steps.items():
        before = after = (root / name).read_text(encoding="utf-8")
        for step in of_file:
            after = step(after)
        files[name] = before, after
    return files


def diff_of(files: dict[str, tuple[str, str]]) -> str:
    """A unified diff that `git apply` and `patch -p1` take in the project's folder."""
    lines: list[str] = []
    for name, (before, after) in files.items():
        one, other = (text.splitlines(keepends=True) for text in (before, after))
        lines += unified_diff(one, other, fromfile=f"a/{name}", tofile=f"b/{name}")
    return "".join(lines)


def _step(edit: Edit) -> Callable[[str], str]:
    match edit:
        case Alias(path, alias):
            return partial(_with_alias, path=path, alias=alias)
        case NewWord(path, word):
            return partial(_with_word, path=path, word=word)
        case NewField():
            return partial(_with_field, field=edit)


def _with_next_version(text: str) -> str:
    version = _keyword(_source_call(text), "version")
    assert isinstance(version, ast.Constant)
    return _spliced(text, version, str(int(str(version.value)) + 1))


def _with_alias(text: str, path: str, alias: str) -> str:
    for element in _fields(text).elts:
        if isinstance(element, ast.Call) and _text(element.args[0]) == path:
            arguments = _arguments(text, element)
            known = [each for each in arguments if each.startswith("aliases=")]
            names = [*ast.literal_eval(known[0].removeprefix("aliases=")), alias] if known else [alias]
            kept = [each for each in arguments if each not in known]
            return _spliced(text, element, _call("Field", [*kept, f"aliases={_tuple(names)}"]))
        if isinstance(element, ast.Starred) and isinstance(element.value, ast.Call):
            names = [_text(each) for each in element.value.args]
            if path in names:
                return _taken_out(text, element, element.value, path, alias)
    raise Defect(f"The contract's text has no field {path}.")


def _taken_out(text: str, element: ast.Starred, group: ast.Call, path: str, alias: str) -> str:
    """A field of a group such as `*required(...)` stands alone, behind it, once it has an alias."""
    kind = _segment(text, group.func)
    column = "None" if kind == "sealed" else f'"{path}"'
    alone = _call("Field", [f'"{path}"', f"{column}{_OF_GROUP[kind]}", f"aliases={_tuple([alias])}"])
    rest = [_segment(text, each) for each in group.args if _text(each) != path]
    made = _spliced(text, element, f"*{_call(kind, rest)},\n{_INDENT}{alone}" if rest else alone)
    return _with_import(made, "Field", *(["Treatment"] if kind == "sealed" else []))


def _with_word(text: str, path: str, word: str) -> str:
    (field,) = (
        each for each in _fields(text).elts if isinstance(each, ast.Call) and _text(each.args[0]) == path
    )
    words = _words(text, _keyword(field, "vocabulary"))
    last = words.elts[-1]
    is_folded = last.lineno != words.lineno
    between = f",\n{' ' * last.col_offset}" if is_folded else ", "
    made = _spliced(text, last, f'{_segment(text, last)}{between}"{word}"')
    return made if is_folded else _folded(made, words)


def _words(text: str, node: ast.expr) -> ast.Set | ast.Tuple | ast.List:
    """The literal that lists a vocabulary, found through frozenset() and the module's names."""
    while True:
        match node:
            case ast.Set() | ast.Tuple() | ast.List():
                return node
            case ast.Call(args=[inner]):
                node = inner
            case ast.Name(id=name):
                node = _assigned(text, name)
            case _:
                raise Defect("A vocabulary is no list of words.")


def _folded(text: str, words: ast.Set | ast.Tuple | ast.List) -> str:
    """A line that became too long with one element of the call or list on each line."""
    line = text.splitlines()[words.lineno - 1]
    if len(line) <= _WIDTH:
        return text
    for element in _fields(text).elts:
        if isinstance(element, ast.Call) and element.lineno == words.lineno == element.end_lineno:
            arguments = _arguments(text, element)
            return _spliced(text, element, _call("Field", arguments))
    return text


def _with_field(text: str, field: NewField) -> str:
    arguments = [f'"{field.path}"', f'"{field.column}"' if field.column else "None"]
    if field.treatment is Treatment.SEALED:
        arguments.append("treatment=Treatment.SEALED")
    if field.vocabulary:
        arguments.append(f"vocabulary=frozenset({{{', '.join(_quoted(field.vocabulary))}}})")
    bounds = (("low", field.low), ("high", field.high))
    arguments += [f"{name}={value:.0f}" for name, value in bounds if value is not None]
    last = _fields(text).elts[-1]
    made = _spliced(text, last, f"{_segment(text, last)},\n{_INDENT}{_call('Field', arguments)}")
    return _with_import(made, "Field", *(["Treatment"] if field.treatment is Treatment.SEALED else []))


def _with_picked(text: str, column: str) -> str:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "pick":
            last = node.args[-1]
            return _spliced(text, last, f'{_segment(text, last)},\n{" " * last.col_offset}"{column}"')
    raise Defect("The bronze table's text picks no columns.")


def _with_column(text: str, name: str, of_type: Type, beside: str) -> str:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and _text(node.args[0]) == beside:
            entry = f'Column("{name}", {_TYPES[of_type]}, "(Write what it means, and its unit.)")'
            return _spliced(text, node, f"{_segment(text, node)},\n{' ' * node.col_offset}{entry}")
    raise Defect(f"The data dictionary's text has no column {beside}.")


def _with_import(text: str, *names: str) -> str:
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module == "validation.source":
            have = {each.name for each in node.names}
            wanted = sorted(have | set(names), key=lambda each: (each[0].islower(), each))
            return _spliced(text, node, f"from validation.source import {', '.join(wanted)}")
    raise Defect("The contract's text imports nothing of validation.source.")


def _source_call(text: str) -> ast.Call:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Source":
            return node
    raise Defect("The contract's text states no Source.")


def _fields(text: str) -> ast.Tuple:
    fields = _keyword(_source_call(text), "fields")
    assert isinstance(fields, ast.Tuple)
    return fields


def _keyword(call: ast.Call, name: str) -> ast.expr:
    for each in call.keywords:
        if each.arg == name:
            return each.value
    raise Defect(f"The contract's text gives no {name}.")


def _assigned(text: str, name: str) -> ast.expr:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(_name(each) == name for each in node.targets):
            return node.value
    raise Defect(f"The contract's text does not state {name} itself.")


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _arguments(text: str, call: ast.Call) -> list[str]:
    return [*(_segment(text, each) for each in call.args), *(_segment(text, each) for each in call.keywords)]


def _call(name: str, arguments: Sequence[str]) -> str:
    """The call on one line, or with an argument a line where that is too long."""
    line = f"{name}({', '.join(arguments)})"
    if len(_INDENT) + len(line) + 1 <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"{_INDENT}    {each},\n" for each in arguments) + f"{_INDENT})"


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(_quoted(names))}{',' if len(names) == 1 else ''})"


def _quoted(words: Iterable[str]) -> list[str]:
    return [f'"{each}"' for each in words]


_Place = ast.expr | ast.keyword | ast.ImportFrom


def _segment(text: str, node: _Place) -> str:
    found = ast.get_source_segment(text, node)
    assert found is not None
    return found


def _spliced(text: str, node: _Place, made: str) -> str:
    """The text with the node's own replaced; offsets are in bytes of UTF-8."""
    lines = text.encode().splitlines(keepends=True)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = text.encode()
    return (whole[:start] + made.encode() + whole[end:]).decode()
