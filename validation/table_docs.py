"""The pages of docs/tables/, rendered from the contracts.

    python -m validation.table_docs --check    lists the pages that are stale; exit 1 if any is
    python -m validation.table_docs --write    writes them

The pages are never edited: a word on a page is a word of a contract or of the data dictionary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from validation.contract import Between, Check, Column, OneOf, Rule, Severity, Table
from validation.contracts import TABLES
from validation.contracts.features.feature_table import FEATURE_CLOCKS
from validation.retention import LANDING
from validation.source import EARLIEST, FARTHEST, Field, Source
from validation.sources import SOURCES

DOCS = Path(__file__).resolve().parents[1] / "docs" / "tables"
_MADE = "<!-- Made by `python -m validation.table_docs --write`; edit the contract instead. -->"
_CLOCKS = {
    "event_timestamp",
    "known_at",
    "known_date",
    "landed_at",
    *(column.name for column in FEATURE_CLOCKS if column.name != "revision"),
}
_LAYERS = {
    "bronze": "As received: one row per landed record, what may not stand in the clear encrypted.",
    "quarantine": "What could not enter bronze, with the reason, encrypted whole.",
    "silver": "Conformed, deduplicated, tokenised; stateful tables are changelogs.",
    "tiles": "Mergeable partial sums by entity, event tile and the tick that knew them.",
    "features": "Windowed values as they were known, one table per Feast view.",
    "training": "Datasets: a row per decision, features as served, labels.",
}


def render_all() -> dict[Path, str]:
    """Every page of docs/tables/ by its path below that folder."""
    pages = {Path("README.md"): _index(TABLES), Path("sources.md"): _sources_page(SOURCES)}
    return pages | {Path(f"{table.name}.md"): table_page(table) for table in TABLES}


def stale_pages(folder: Path = DOCS) -> list[str]:
    """Pages that differ from the contracts, are missing, or belong to no table any more; sorted."""
    pages = render_all()
    differing = [path for path, text in pages.items() if _text_of(folder / path) != text]
    orphans = [path.relative_to(folder) for path in folder.glob("*.md")]
    return sorted(str(path) for path in {*differing, *(path for path in orphans if path not in pages)})


def write_pages(folder: Path = DOCS) -> list[str]:
    """Write the stale pages and remove those of no table; return their names."""
    stale, pages = stale_pages(folder), render_all()
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if Path(name) in pages:
            (folder / name).write_text(pages[Path(name)], encoding="utf-8")
        else:
            (folder / name).unlink()
    return stale


def table_page(table: Table) -> str:
    """One table's page: grain, key, clocks, partition, retention, columns, checks."""
    clocks = [name for name in table.column_names if name in _CLOCKS]
    facts = [
        ("Grain", table.grain),
        ("Key", _codes(table.key)),
        ("Clocks", _codes(clocks) if clocks else "none"),
        ("Replaced by", f"`{table.clock}`"),
        ("Partition", f"`{table.partition}`"),
        ("Sorted by", _codes(table.order) or "nothing"),
        ("Kept", _kept(table)),
        (
            "Access",
            "restricted: readers need a purpose" if table.is_restricted else "open within the platform",
        ),
    ]
    if table.notes:
        facts.append(("Note", table.notes))
    return _page(
        f"# {table.name}",
        _rows(("", ""), ((f"**{name}**", value) for name, value in facts)),
        "## Columns",
        _rows(
            ("column", "type", "unit", "meaning", "sensitivity", "null"),
            (_column_cells(table, column) for column in table.columns),
        ),
        "## Checks",
        "Asked of every interval on its branch, before it is published.",
        _rows(("check", "holds for every row", "otherwise"), _check_cells(table)),
        f"Contract: `validation/contracts/{_module(table)}.py`.",
    )


def _column_cells(table: Table, column: Column) -> tuple[str, ...]:
    null = "never" if column.name in table.not_null else "allowed"
    return (f"`{column.name}`", column.type, column.unit, column.meaning, column.sensitivity, null)


def _check_cells(table: Table) -> Iterable[tuple[str, str, str]]:
    yield ("unique_key", f"{_codes(table.key)} identify one row", "fail")
    yield ("not_null", f"{_codes(table.not_null)} are set", "fail")
    for rule in table.checks:
        yield (rule.name, _rule_text(rule), rule.severity)
    for share in table.shares:
        usual = f"the sum of `{share.part}` is the share of that of `{share.whole}` that it usually is"
        yield (share.name, f"not of a row: {usual}", Severity.WARN)
    for reference in table.references:
        told = f"`{reference.table}` told of its `{reference.column}` by the end of its day, at most "
        yield (
            f"{reference.name}_share",
            f"{told}{reference.days} days before; or no more than usual",
            Severity.WARN,
        )


def _rule_text(rule: Rule) -> str:
    match rule:
        case OneOf(column, values):
            return f"`{column}` is null or one of {_codes(values)}"
        case Between(column, low, None):
            return f"`{column}` is null or at least {low:g}"
        case Between(column, low, high):
            return f"`{column}` is null or from {low:g} to {high:g}"
        case Check():
            return f"`{rule.holds}`"


def _index(tables: Sequence[Table]) -> str:
    layers = dict.fromkeys(table.layer for table in tables)
    sections = [
        part
        for layer in layers
        for part in (
            f"## {layer}",
            _LAYERS[layer],
            _rows(
                ("table", "grain", "columns", "kept", "access"),
                (_index_cells(table) for table in tables if table.layer == layer),
            ),
        )
    ]
    return _page(
        "# Tables",
        "Every table of the platform, in the order of the road. What lands is in [sources](sources.md).",
        *sections,
    )


def _index_cells(table: Table) -> tuple[str, ...]:
    access = "restricted" if table.is_restricted else "open"
    return (f"[{table.name}]({table.name}.md)", table.grain, str(len(table.columns)), _kept(table), access)


def _kept(table: Table) -> str:
    return f"at least {table.retention}" if table.layer == "training" else str(table.retention)


def _sources_page(sources: Sequence[Source]) -> str:
    return _page(
        "# Landing sources",
        "What each source lands, field by field, and what becomes of it in bronze. A record that "
        "breaks a rule is quarantined with the reason; a value outside a vocabulary is kept, flagged "
        "and counted; an unknown field is kept in the sealed payload and reported once.",
        *(part for source in sources for part in _source_parts(source)),
    )


def _source_parts(source: Source) -> Iterable[str]:
    yield f"## {source.name}"
    owners = ", else ".join(f"the {kind} (`{'`, `'.join(paths)}`)" for kind, paths in source.subjects)
    places = [
        f"`{place.latitude}`, `{place.longitude}` → `{place.column}` (H3 r7)" for place in source.places
    ]
    past = " or ".join(
        [f"`{source.timestamp}`", *(f"`{each.path}`" for each in source.fields if each.is_past)]
    )
    yield _rows(
        ("", ""),
        (
            ("**Lands under**", f"`landing/{source.name}/`"),
            ("**Contract version**", str(source.version)),
            ("**Event time**", f"`{source.timestamp}`"),
            ("**Late**", f"older than {_span(source.late)} when known: kept, enters no state and no feature"),
            ("**Ahead**", f"{past} more than {_span(source.ahead)} past the landing: quarantined"),
            ("**Other moments**", f"before {EARLIEST:%Y-%m-%d} or more than {_span(FARTHEST)} past the "
             "landing: quarantined"),
            ("**Heartbeat**", f"expected every {_span(source.heartbeat)}"),
            ("**Kept**", f"{LANDING}; longer while an object is not accounted for"),
            ("**Sealed payload belongs to**", owners),
            ("**Places**", "; ".join(places) or "none"),
            ("**Tables**", f"[bronze.{source.name}](bronze.{source.name}.md), "
             f"[quarantine.{source.name}](quarantine.{source.name}.md)"),
        ),
    )  # fmt: skip
    yield _rows(
        ("field", "type", "required", "what becomes of it", "values"),
        (_field_cells(field) for field in source.fields),
    )


def _field_cells(field: Field) -> tuple[str, ...]:
    column = f" `{field.column}`" if field.column not in (None, field.path) else ""
    salt = f", per {field.subject}" if field.subject else ""
    bounds = {
        (True, True): f"{field.low} to {field.high}",
        (True, False): f"at least {field.low}",
        (False, True): f"at most {field.high}",
    }.get((field.low is not None, field.high is not None), "")
    also = f", also {_codes(field.aliases)}" if field.aliases else ""
    return (
        f"`{field.path}`{also}",
        field.type,
        "yes" if field.required else "",
        f"{field.treatment.value}{salt}{':' + column if column else ''}",
        _codes(sorted(field.vocabulary)) or bounds,
    )


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0 and minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(span.total_seconds())} seconds"


def _module(table: Table) -> str:
    if table.layer == "quarantine":
        return "quarantine"
    return table.name.replace(".", "/").removesuffix("_precise")


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def _page(*parts: str) -> str:
    return "\n\n".join((_MADE, *parts)) + "\n"


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or write the pages; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m validation.table_docs", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="list stale pages; exit 1 if there are any")
    what.add_argument("--write", action="store_true", help="write the stale pages")
    chosen = parser.parse_args(arguments)
    names = write_pages() if chosen.write else stale_pages()
    for name in names:
        sys.stdout.write(f"docs/tables/{name} {'written' if chosen.write else 'is stale'}\n")
    if names and chosen.check:
        sys.stdout.write("Run `python -m validation.table_docs --write`.\n")
    return 1 if names and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
