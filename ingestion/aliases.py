"""Values that arrive under another name than the contract's, moved to where the contract has them.

It happens before a record is judged, so that whatever holds of a field (its type and bounds, its token, the
seal on it) holds of what came under an alias of it. No value stays behind under the other name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from validation.source import Field

Record = dict[str, Any]
Path = tuple[str, ...]

_ABSENT: Any = object()


class Aliases:
    """The other names of a source's fields."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._of: list[tuple[str, Path, list[Path]]] = [
            (each.path, tuple(each.path.split(".")), [tuple(alias.split(".")) for alias in each.aliases])
            for each in fields
            if each.aliases
        ]
        self._tops = {alias[0] for _, _, aliases in self._of for alias in aliases}

    def moved(self, records: Sequence[Record], refuse: Callable[[int, str], None]) -> Sequence[Record]:
        """The records with every value under the contract's name; what has no alias is the same object.

        A name that is absent, null or empty says nothing; of those that say something the contract's own
        comes first. `refuse(position, path)` is called where two of them differ. Records that are given
        are not changed.
        """
        if not self._tops or self._tops.isdisjoint(set().union(*records)):
            return records
        return [
            record if self._tops.isdisjoint(record) else self._moved(position, record, refuse)
            for position, record in enumerate(records)
        ]

    def _moved(self, position: int, record: Record, refuse: Callable[[int, str], None]) -> Record:
        for name, path, aliases in self._of:
            present = [alias for alias in aliases if _at(record, alias) is not _ABSENT]
            if not present:
                continue
            own, *others = [_at(record, each) for each in (path, *present)]
            said = [value for value in (own, *others) if not _is_nothing(value)]
            if any(not _is_same(said[0], other) for other in said[1:]):
                refuse(position, name)
            for alias in present:
                record = _without(record, alias)
            if said and _is_nothing(own):
                record = _with(record, path, said[0])
        return record


def _at(record: Any, path: Path) -> Any:
    for name in path:
        record = record.get(name, _ABSENT) if type(record) is dict else _ABSENT
    return record


def _is_nothing(value: Any) -> bool:
    return value is _ABSENT or value is None or (type(value) is str and not value)


def _is_same(one: Any, other: Any) -> bool:
    """Whether they are one value; 1 and 1.0 are, true and 1 are not, nor what is nested without end."""
    try:
        return (type(one) is bool) == (type(other) is bool) and bool(one == other)
    except RecursionError:
        return False


def _without(record: Record, path: Path) -> Record:
    """A copy without what stands there; an object that held nothing else goes too."""
    name, *rest = path
    inner = _without(record[name], tuple(rest)) if rest else {}
    return {key: inner if key == name else value for key, value in record.items() if key != name or inner}


def _with(record: Record, path: Path, value: Any) -> Record:
    """A copy with the value there. A place inside what is no object stays: that is refused by its type."""
    name, *rest = path
    if not rest:
        return record | {name: value}
    inner = record.get(name)
    if inner is None:
        inner = {}
    return record | {name: _with(inner, tuple(rest), value)} if type(inner) is dict else record
