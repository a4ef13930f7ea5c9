"""bronze and quarantine: what of a landed record stands where, by the contract of its source."""

from __future__ import annotations

from ingestion.rows import bronze_table, key_paths, quarantine_table, sealed_fields
from roadside.column_lineage.naming import Made, Of
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.contract import Type
from validation.source import Field, Source, Treatment

_LEDGER = "from the object: its name, the landing ledger, the place of the line, the contract that judged it"
_ENVELOPE = dict.fromkeys(
    ("source_object", "source_line", "landed_at", "known_at", "known_date", "contract_version"), _LEDGER
)


def landing_of(source: Source) -> str:
    """The name of the source's landed objects as a data set."""
    return f"landing/{source.name}"


def paths_of(source: Source) -> tuple[str, ...]:
    """Every path under which the contract looks for a value."""
    return tuple(path for each in source.fields for path in (each.path, *each.aliases))


def sealed_parts(source: Source) -> tuple[str, ...]:
    """The paths that stand in the sealed payload, each a part of it."""
    return tuple(path for each in sealed_fields(source) for path in (each.path, *each.aliases))


def bronze(source: Source) -> TableLineage:
    """The source's bronze table."""
    of = Of(landing_of(source))
    columns = {each.column: _column(of, source, each) for each in source.fields if each.column is not None}
    for place in source.places:
        columns[place.column] = of.made(place.latitude, place.longitude, note="the H3 r7 cell that holds it")
    words = [each.path for each in source.fields if each.vocabulary]
    columns["has_unknown_value"] = of.made(*words, note="whether a word is none of the contract's")
    owner = tuple(dict.fromkeys(path for _, paths in source.subjects for path in paths))
    columns["content_digest"] = _masked(of, *paths_of(source), note="digest of the whole line")
    columns["content_digest"] += of.if_(*owner, note="whose salt it is")
    columns["sealed_payload"] = tuple(
        MadeOf(ColumnRef(of.table, path), How.TRANSFORMATION, "sealed under its subject's key", True, path)
        for path in sealed_parts(source)
    )
    columns["sealed_payload"] += of.if_(*owner, note="whose key it is")
    names = bronze_table(source).column_names
    otherwise = _ENVELOPE | {"unknown_fields": "names of fields that the contract does not know"}
    if not words:
        otherwise |= {"has_unknown_value": "the contract lists no words"}
    return TableLineage(
        {name: columns[name] for name in names if name in columns and name not in otherwise},
        of.how(How.FILTER, *paths_of(source), note="a line that breaks the contract is quarantined"),
        {name: otherwise[name] for name in names if name in otherwise},
    )


def quarantine(source: Source) -> TableLineage:
    """The source's quarantine table."""
    of = Of(landing_of(source))
    paths = paths_of(source)
    told = of.made(*paths, note="what the contract says of the line, without its values")
    columns = dict.fromkeys(("reason", "reason_text", "field_name", "byte_count"), told)
    columns["sealed_line"] = _masked(of, *paths, note="the line whole, sealed under the table's key")
    names = quarantine_table(source).column_names
    return TableLineage(
        {name: columns[name] for name in names if name in columns},
        of.how(How.FILTER, *paths, note="a line that breaks the contract"),
        {name: _ENVELOPE[name] for name in names if name in _ENVELOPE},
    )


def _column(of: Of, source: Source, each: Field) -> Made:
    paths = (each.path, *each.aliases)
    if each.treatment is Treatment.TOKEN:
        salt = [path for path in key_paths(source, each) if path != each.path]
        note = f"token salted per {each.subject}"
        return _masked(of, *paths, note=note) + of.if_(*salt, note="whose salt it is")
    if each.type is Type.TIMESTAMP:
        return of.made(*paths, note="read as UTC")
    if each.column == "schema_version":
        return of.made(*paths, note="1 where it says none")
    return of.same(*paths)


def _masked(of: Of, *paths: str, note: str) -> Made:
    return tuple(MadeOf(ColumnRef(of.table, path), How.TRANSFORMATION, note, True) for path in paths)
