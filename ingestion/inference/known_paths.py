"""A contract's paths held against those of landed records."""

from __future__ import annotations

from collections import Counter

from ingestion.inference.landed_forms import Form, Group, Match, Profile
from validation.source import Field, Source

_ENOUGH = 20


def anything(_shape: dict[str, Form]) -> bool:
    """Matches every record."""
    return True


def has(path: str) -> Match:
    """Matches records with something there."""
    return lambda shape: shape.get(path, Form.NULL) is not Form.NULL


def has_form(path: str, *forms: Form) -> Match:
    """Matches records whose value there has one of the forms."""
    wanted = frozenset(forms)
    return lambda shape: shape.get(path, Form.NULL) in wanted


def by_value(counts: Counter[Group], place: int) -> Counter[str]:
    """The counts by what one name of the groups says."""
    found: Counter[str] = Counter()
    for group, count in counts.items():
        found[group[place]] += count
    return found


def kind_of(profile: Profile, group: Group) -> str:
    """The kind of record, by the vocabulary field that every record of the source has; else one kind."""
    return group[0] if profile.is_by_kind else ""


def _by_kind(profile: Profile, counts: Counter[Group]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group, count in counts.items():
        found[kind_of(profile, group)] += count
    return found


def is_lacking(field: Field) -> Match:
    """Whether a record has nothing in the field, under any of its names."""
    names = (field.path, *field.aliases)
    return lambda shape: all(shape.get(name, Form.NULL) is Form.NULL for name in names)


def kinds_of(profile: Profile) -> frozenset[str]:
    """The kinds of record there are, in so many records that one can tell of them."""
    rows = _by_kind(profile, profile.per_group(anything))
    return frozenset(kind for kind, count in rows.items() if count >= _ENOUGH)


def usual_kinds(before: Profile, field: Field) -> tuple[frozenset[str], float]:
    """Kinds of record (event types) that mostly have the field, and the share of them that lacks it."""
    lacking = _by_kind(before, before.per_group(is_lacking(field)))
    rows = _by_kind(before, before.per_group(anything))
    kinds = frozenset(
        each for each, count in rows.items() if count >= _ENOUGH and lacking[each] <= 0.5 * count
    )
    total = sum(rows[each] for each in kinds)
    return kinds, sum(lacking[each] for each in kinds) / total if total else 0.0


def containers_of(source: Source) -> set[str]:
    """Paths of the objects that hold a source's fields."""
    names = [name for each in source.fields for name in (each.path, *each.aliases)]
    return {name[:place] for name in names for place in range(len(name)) if name[place] == "."}


def new_paths(now: Profile) -> list[str]:
    """Paths of values that the contract does not have; not of objects that hold others of them."""
    known = {name for each in now.source.fields for name in (each.path, *each.aliases)}
    holding = {".".join(path.split(".")[:n]) for path in now.paths for n in range(1, path.count(".") + 1)}
    return [
        path
        for path in now.paths
        if path not in known | holding | containers_of(now.source)
        and not any(path.startswith(f"{each}.") for each in known)
    ]
