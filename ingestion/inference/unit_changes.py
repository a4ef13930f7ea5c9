"""A number that is sent in another unit: all its values moved by one known factor at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingestion.inference.bursts import ENOUGH_NATS, Burst, gain_run
from ingestion.inference.landed_forms import NUMBERS, Group, Profile, form_of
from ingestion.inference.likeness import densities, distance, log_density
from ingestion.records import landed_type
from validation.columns import COLUMNS
from validation.contract import Type
from validation.source import Field, Treatment

_MILE = 1.609344
_NAMED: dict[str, tuple[tuple[float, str], ...]] = {
    "km/h": ((1 / _MILE, "miles per hour"), (1 / 3.6, "metres per second"), (1000, "metres per hour")),
    "km": ((1 / _MILE, "miles"), (1000, "metres")),
    "m": ((1 / 0.3048, "feet"), (0.001, "kilometres")),
    "USD": ((100, "US cents"),),
    "min": ((60, "seconds"), (1 / 60, "hours")),
    "s": ((1000, "milliseconds"), (1 / 60, "minutes")),
    "degrees": ((np.pi / 180, "radians"),),
}
_PLAIN = tuple(
    (factor, f"{factor:g} times what they were")
    for size in (_MILE, 3.6, 10, 60, 100, 1000, 3600)
    for factor in (size, 1 / size)
)
_WITHOUT_SIZE = frozenset({"degrees"})  # a heading or a place is no more or less of something
_FEWEST, _FEWEST_OBJECTS = 60, 3
_CLOSE, _CLOSER = 0.2, 0.4
_OFF = 0.12
"""The most by which a median may miss the factor, as a logarithm: traffic alone moves speeds by more."""


@dataclass(frozen=True)
class UnitChange:
    """A field whose values moved, in a run of objects."""

    path: str
    run: Burst
    what: str
    proposal: str
    where: str


def unit_changes(now: Profile, before: Profile) -> list[UnitChange]:
    """By number field of the contract, the change that explains its values best, where one does."""
    found = (_of_field(now, before, field) for field in now.source.fields)
    return [each for each in found if each is not None]


def _of_field(now: Profile, before: Profile, field: Field) -> UnitChange | None:
    if landed_type(field) not in (Type.DOUBLE, Type.INT, Type.LONG) or field.treatment is not Treatment.PLAIN:
        return None
    then, today = (_positive(profile, field) for profile in (before, now))
    scopes: list[tuple[int, str]] = [(-1, "")]
    scopes += sorted({(place, group[place]) for _, group, _ in today for place in range(len(now.by))})
    best: tuple[float, UnitChange] | None = None
    for place, value in scopes:
        reference, values = (
            [each for each in lot if place < 0 or each[1][place] == value] for lot in (then, today)
        )
        if min(len(reference), len(values)) < _FEWEST:
            continue
        where = f"{now.by[place]}={value or '(none)'}" if place >= 0 else ""
        found = _changed(now, field, [each for _, _, each in reference], values, where)
        if found is not None and (best is None or found[0] > 1.01 * best[0]):
            best = found
    return best[1] if best else None


def _positive(profile: Profile, field: Field) -> list[tuple[int, Group, float]]:
    kept = profile.values[field.path].kept if field.path in profile.values else []
    return [
        (number, group, float(value))
        for number, group, value in kept
        if form_of(value, field) in NUMBERS and np.isfinite(value) and value > 0
    ]


def _changed(
    now: Profile,
    field: Field,
    reference: Sequence[float],
    values: Sequence[tuple[int, Group, float]],
    where: str,
) -> tuple[float, UnitChange] | None:
    known = densities(reference)
    numbers = np.array([number for number, _, _ in values])
    amounts = np.array([amount for _, _, amount in values])
    unmoved = log_density(amounts, known)
    unit = COLUMNS[field.column].unit if field.column else ""
    best: tuple[float, float, str, int, int] | None = None
    for factor, name in (*_NAMED.get(unit, ()), *(() if unit in _WITHOUT_SIZE else _PLAIN)):
        gains = log_density(amounts / factor, known) - unmoved
        first, last, nats = gain_run(np.bincount(numbers, gains, len(now.objects)))
        if nats > ENOUGH_NATS and (best is None or nats > best[0] + 1e-9):
            best = nats, factor, name, first, last
    if best is None:
        return None
    nats, factor, name, first, last = best
    inside = amounts[(numbers >= first) & (numbers <= last)]
    moved, still = distance((inside / factor).tolist(), reference), distance(inside.tolist(), reference)
    is_clear = moved < _CLOSE and moved < _CLOSER * still
    is_exact = abs(np.log(np.median(inside) / np.median(reference) / factor)) < _OFF
    is_much = len(inside) >= _FEWEST and len(set(numbers.tolist()) & set(range(first, last + 1))) >= (
        _FEWEST_OBJECTS
    )
    if not (is_clear and is_exact and is_much):
        return None
    before, after = (int((numbers < first).sum()), int((numbers > last).sum()))
    run = Burst(first, last, len(inside), len(inside), nats, before, after)
    medians = (
        f"median {np.median(inside):.4g} after {np.median(reference):.4g} ({len(inside):,} values compared)"
    )
    what = f"{medians}: like {name}" + (f" for {unit}" if (factor, name) in _NAMED.get(unit, ()) else "")
    proposal = (
        "No edit of the contract takes it, and the lines that came through are wrong: ask the producer for "
        f"{unit or 'the unit it had'}, and stop the feed's readers meanwhile."
    )
    return nats, UnitChange(field.path, run, what, proposal, where)
