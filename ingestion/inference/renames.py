"""Which new path holds what a field of the contract held: a producer renamed it, or moved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.inference.known_paths import has, is_lacking, kind_of, kinds_of, new_paths, usual_kinds
from ingestion.inference.landed_forms import ACCEPTED, OTHER_NAME, Form, Profile, form_of
from ingestion.inference.likeness import alike, moment_of, names_alike
from ingestion.records import landed_type
from validation.source import Field

_FEWEST = 5
_BESIDE = 0.05  # at most so many of the records with the new name have the old one too
_FITTING = 0.9
_UNTOLD = 0.5  # how surely a record of a kind never seen has a field: its kind may be what was renamed
_LEAST, _LEAST_ALIKE, _LEAST_NAMED = 0.55, 0.5, 0.6


@dataclass(frozen=True)
class Renamed:
    """A field that comes under another path.

    Attributes:
        score: 0 to 1, from how alike values and names are, and how surely the field is due where the
            other path is.
    """

    path: str
    alias: str
    score: float
    why: str

    @property
    def confidence(self) -> str:
        """high, fair or low, as a person would say it."""
        return "high" if self.score >= 0.8 else "fair" if self.score >= 0.65 else "low"


def renames(now: Profile, before: Profile | None) -> list[Renamed]:
    """The likeliest pairs: a new path is at most one field's, and two of one field never stand together."""
    found = [
        pair
        for alias in new_paths(now)
        if OTHER_NAME not in alias
        for field in now.source.fields
        if (pair := _paired(now, before, field, alias)) is not None
    ]
    chosen: list[Renamed] = []
    for pair in sorted(found, key=lambda each: (-each.score, each.path, each.alias)):
        is_free = all(pair.alias != each.alias for each in chosen)
        of_field = [each.alias for each in chosen if each.path == pair.path]
        if is_free and not any(_stand_together(now, pair.alias, each) for each in of_field):
            chosen.append(pair)
    return chosen


def _stand_together(now: Profile, one: str, other: str) -> bool:
    both = now.per_object(
        lambda shape: Form.NULL not in (shape.get(one, Form.NULL), shape.get(other, Form.NULL))
    )
    return bool(both.any())


def _paired(now: Profile, before: Profile | None, field: Field, alias: str) -> Renamed | None:
    if _fitting(now, field, alias) < _FITTING:
        return None
    lacks = is_lacking(field)

    has_alias = has(alias)
    with_alias = now.per_group(has_alias)
    rows = sum(with_alias.values())
    beside = sum(now.per_group(lambda shape: has_alias(shape) and not lacks(shape)).values()) / max(1, rows)
    if rows < _FEWEST or beside > _BESIDE:
        return None
    due = _due(now, before, field, with_alias)
    named = names_alike(field.path, alias)
    like = alike(_values(before, field.path), _values(now, alias)) if before is not None else None
    is_alike = named >= _LEAST_NAMED if like is None else like >= _LEAST_ALIKE
    if due < 0.5 or not is_alike:
        return None
    parts = [(0.3, due), (0.25, named), *([(0.45, like)] if like is not None else [])]
    score = sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)
    if score < _LEAST:
        return None
    told = "values alike " + ("not judged" if like is None else f"{like:.0%}")
    why = f"{1 - beside:.0%} of its records lack {field.path}, {told}, names alike {named:.0%}"
    return Renamed(field.path, alias, round(score, 3), why)


def _due(now: Profile, before: Profile | None, field: Field, with_alias: Any) -> float:
    """The share of the records with the alias that would have the field, by their kinds."""
    if field.required:
        return 1.0
    reference = before if before is not None else now
    kinds, lacking = usual_kinds(reference, field)
    known = kinds_of(reference)
    rows = sum(with_alias.values())
    due = 0.0
    for group, count in with_alias.items():
        kind = kind_of(now, group)
        due += count * (_UNTOLD if kind not in known else 1 - lacking if kind in kinds else 0.0)
    return due / rows if rows else 0.0


def _fitting(now: Profile, field: Field, alias: str) -> float:
    """The share of the alias's values that the field would take."""
    kept = now.values[alias].kept if alias in now.values else []
    taken = ACCEPTED[landed_type(field)]
    fitting = sum(
        form_of(value, field) in taken and (not field.vocabulary or value in field.vocabulary)
        for _, _, value in kept
    )
    return fitting / len(kept) if kept else 0.0


def _values(profile: Profile, path: str) -> Sequence[Any]:
    """Values to compare; a moment as seconds past its landing, or two days would never be alike."""
    if path not in profile.values:
        return []
    found: list[Any] = []
    for number, _, value in profile.values[path].kept:
        moment = moment_of(value) if not isinstance(value, str) or len(value) >= 10 else None
        found.append(
            value if moment is None else (moment - profile.objects[number].landed_at).total_seconds()
        )
    return found
