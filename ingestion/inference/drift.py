"""What in a feed is no longer as its contract says, since when and where.

A finding is a fact about landed objects and, where a contract can take it, the edit that does. What is
rare enough to be a producer's slip (3 records in a thousand) is none. Facts are counts, names of fields and
words of vocabularies; a value of a field that may be a person's is never repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np

from ingestion.inference.bursts import ENOUGH_NATS, Burst, burst
from ingestion.inference.findings import Alias, Drift, Edit, Finding, NewWord
from ingestion.inference.known_paths import (
    anything,
    by_value,
    containers_of,
    has,
    has_form,
    is_lacking,
    kind_of,
    new_paths,
    usual_kinds,
)
from ingestion.inference.landed_forms import ACCEPTED, NUMBERS, TEXTS, Form, Group, Match, Profile
from ingestion.inference.likeness import mask
from ingestion.inference.new_fields import described, proposed
from ingestion.inference.renames import Renamed, renames
from ingestion.inference.unit_changes import unit_changes
from ingestion.records import landed_type
from validation.contract import Type
from validation.source import Field

SLIPS = 0.003
"""The share of records that may be wrong without a change: more than the malformed lines of a sound feed."""

_FEWEST = 5
_LEAST_SHARE = 0.05
_MOST_NAMED = 4
_TOGETHER = 3
"""Records of one job lack an optional field together: so many say one thing."""
_EPOCHS = ((1e8, 1e11, "seconds"), (1e11, 1e14, "milliseconds"), (1e14, 1e17, "microseconds"))


def drift(now: Profile, before: Profile | None) -> list[Finding]:
    """What drifted in a range, held against the contract and, where it alone cannot say, a range before.

    In the order of `Drift`, then by path. Without a range before, vanished optional fields and changed units
    are not judged.
    """
    if not now.rows:
        return []
    source = now.source
    before = before if before is not None and before.rows else None
    pairs = renames(now, before)
    findings = [
        *(_renamed(now, pair) for pair in pairs),
        *(each for of in source.fields for each in _of_field(now, before, of, pairs)),
        *_broken_containers(now),
        *_new_fields(now, {pair.alias for pair in pairs}),
    ]
    if before is not None:
        findings += [
            _told(now, change.run, Drift.UNIT, change.path, change.what, change.proposal, where=change.where)
            for change in unit_changes(now, before)
        ]
    order = list(Drift)
    return sorted(
        (each for each in findings if each is not None), key=lambda each: (order.index(each.drift), each.path)
    )


def _told(
    now: Profile,
    run: Burst,
    drift: Drift,
    path: str,
    what: str,
    proposal: str,
    edit: Edit | None = None,
    where: str = "",
) -> Finding:
    stamps = [each.landed_at for each in now.objects]
    return Finding(
        drift,
        path,
        what,
        run.hits,
        run.rows,
        stamps[run.first],
        is_maybe_older=run.may_be_older,
        until=stamps[run.last] if run.is_over else None,
        where=where,
        proposal=proposal,
        edit=edit,
    )


def _found(
    now: Profile,
    matches: Match,
    drift: Drift,
    path: str,
    what: str,
    proposal: str,
    edit: Edit | None = None,
    among: Match = anything,
    usual: float = SLIPS,
    least: float = _LEAST_SHARE,
) -> Finding | None:
    """The finding of records of such shapes, if they are more than slips; confined to where they are."""
    rows = now.per_object(among)
    run = burst(now.per_object(matches), rows, usual)
    if run is None or run.hits < _FEWEST:
        return None
    where, is_in = _confined(now, matches, among, run)
    if where:
        rows = now.per_object(among, is_in)
        run = burst(now.per_object(matches, is_in), rows, usual) or run
    if run.share < least:
        return None
    return _told(now, run, drift, path, what, proposal, edit, where)


def _confined(
    now: Profile, matches: Match, among: Match, run: Burst
) -> tuple[str, Callable[[Group], bool] | None]:
    """The groups outside which there is no such record, if that leaves some out: `program_id=G1`.

    The kind of record comes first; a program is told only if others of that kind have no such record.
    """
    told = []
    hits, rows = (now.per_group(each, run.first, run.last) for each in (matches, among))
    for place, name in enumerate(now.by):
        of_hits, of_rows = by_value(hits, place), by_value(rows, place)
        inside = {value for value, count in of_hits.items() if count > 10 * SLIPS * of_rows[value]}
        outside = sum(count for value, count in of_rows.items() if value not in inside)
        if 0 < len(inside) <= _MOST_NAMED and outside >= _FEWEST:
            told.append(f"{name}={','.join(sorted(each or '(none)' for each in inside))}")
            hits, rows = (
                Counter({group: count for group, count in counts.items() if group[place] in inside})
                for counts in (hits, rows)
            )
    if not told:
        return "", None
    kept = set(rows)
    return " ".join(told), lambda group: group in kept


def _of_field(
    now: Profile, before: Profile | None, field: Field, pairs: Sequence[Renamed]
) -> Iterator[Finding | None]:
    yield from _wrong_forms(now, field)
    yield _beyond(now, field)
    yield from _unknown_words(now, field)
    yield _vanished(now, before, field, [pair.alias for pair in pairs if pair.path == field.path])
    if before is not None:
        yield _widened(now, before, field)
        yield _written_otherwise(now, before, field)


def _wrong_forms(now: Profile, field: Field) -> Iterator[Finding | None]:
    """By form that the field does not take, the records that have it."""
    taken = ACCEPTED[landed_type(field)] | {Form.NULL, Form.BEYOND}
    forms = {form for _, _, shape in now.rows for path, form in shape if path == field.path} - taken
    for form in sorted(forms):
        drift, what, proposal = _told_form(now, field, form)
        yield _found(
            now,
            has_form(field.path, form),
            drift,
            field.path,
            what,
            proposal,
            among=has(field.path),
        )


def _told_form(now: Profile, field: Field, form: Form) -> tuple[Drift, str, str]:
    wanted = landed_type(field)
    ask = "No edit of the contract takes it: ask the producer for the type it had."
    if form is Form.OBJECT:
        inner = [path for path in now.paths if path.startswith(f"{field.path}.")]
        names = ", ".join(each.removeprefix(f"{field.path}.") for each in inner[:_MOST_NAMED])
        return Drift.NESTED, f"an object ({names}) where {wanted} stood", ask
    if wanted is Type.TIMESTAMP:
        if form is Form.LOCAL_TIME:
            return Drift.TIME, "times without a zone", (
                "Their instant is unknown, so no edit takes them: ask the producer for UTC with a Z."
            )  # fmt: skip
        if epoch := _epoch(now, field.path):
            return Drift.TIME, f"{epoch} since 1970{'' if form in NUMBERS else ', as text'} for ISO times", (
                "No edit of the contract takes it: ask the producer for 2026-03-10T17:00:00Z."
            )  # fmt: skip
    return Drift.TYPE, f"{form.value} where {wanted} stood", ask


def _epoch(now: Profile, path: str) -> str | None:
    """The unit since 1970 that the path's numbers count, within five years of their landing."""
    ages: dict[str, list[float]] = {name: [] for _, _, name in _EPOCHS}
    numbers = 0
    for number, _, value in now.values[path].kept:
        try:
            count = float(value)
        except (TypeError, ValueError):
            continue
        numbers += 1
        for low, high, name in _EPOCHS:
            if low <= count < high:
                seconds = count / {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6}[name]
                ages[name].append(abs(seconds - now.objects[number].landed_at.timestamp()))
    for name, found in ages.items():
        if found and len(found) > 0.9 * numbers and median(found) < 5 * 366 * 86_400:
            return name
    return None


def _beyond(now: Profile, field: Field) -> Finding | None:
    if field.low is None and field.high is None and landed_type(field) is not Type.INT:
        return None
    return _found(
        now,
        has_form(field.path, Form.BEYOND),
        Drift.BOUNDS,
        field.path,
        f"numbers outside {_bound(field.low)} to {_bound(field.high)}",
        "Look for a changed unit or swapped fields at the producer; if they are true, widen the bounds.",
        among=has_form(field.path, *NUMBERS),
    )


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _unknown_words(now: Profile, field: Field) -> Iterator[Finding | None]:
    """A finding a word that is written like one and comes at least five times; the others are counted."""
    if not field.vocabulary or field.path not in now.words:
        return
    rows = now.per_object(has_form(field.path, *TEXTS))
    words = now.words[field.path]
    for word in sorted(words.distinct if words.counts else ()):
        hits = np.zeros(len(now.objects), dtype=np.int64)
        for (each, number, _), count in words.counts.items():
            if each == word:
                hits[number] += count
        run = burst(hits, rows, SLIPS / 100)
        if run is None or run.hits < _FEWEST:
            continue
        where = _where_word(now, words.counts, word)
        yield _told(
            now,
            run,
            Drift.WORD,
            field.path,
            f"the word {word}, {int(hits.sum()):,} times",
            f"Add {word} to the vocabulary (if its list is an order, in its place); see what reads it.",
            NewWord(field.path, word),
            where,
        )


def _where_word(now: Profile, counts: Counter[tuple[str, int, Group]], word: str) -> str:
    told = []
    for place, name in enumerate(now.by):
        inside = {group[place] for each, _, group in counts if each == word}
        known = {group[place] for _, group, _ in now.rows}
        if len(inside) <= _MOST_NAMED and known - inside and not inside & {word, ""}:
            told.append(f"{name}={','.join(sorted(each or '(none)' for each in inside))}")
    return " ".join(told)


def _vanished(now: Profile, before: Profile | None, field: Field, aliases: Sequence[str]) -> Finding | None:
    """Records that lack a field which is required, or which their kind usually has; renamed ones apart."""
    lacks = is_lacking(field)

    def matches(shape: dict[str, Form]) -> bool:
        return lacks(shape) and all(shape.get(alias, Form.NULL) is Form.NULL for alias in aliases)

    if field.required:
        return _found(
            now, matches, Drift.MISSING_REQUIRED, field.path, "absent, null or empty",
            "Ask the producer for it; if it may be absent from now on, relax it in the contract.",
        )  # fmt: skip
    if before is None:
        return None
    kinds, usual = usual_kinds(before, field)
    if not kinds:
        return None
    return _found_among(now, matches, kinds, field.path, usual)


def _found_among(
    now: Profile, matches: Match, kinds: frozenset[str], path: str, usual: float
) -> Finding | None:
    """The run in which records of these kinds lack it, in all of them or in those of one program or feed."""
    best: tuple[Burst, str] | None = None
    places = range(now.is_by_kind, len(now.by))
    values = {(place, group[place]) for _, group, _ in now.rows for place in places}
    scopes = [(-1, ""), *sorted(values)]
    for place, value in scopes:

        def is_in(group: Group, place: int = place, value: str = value) -> bool:
            return kind_of(now, group) in kinds and (place < 0 or group[place] == value)

        rows = now.per_object(anything, is_in)
        run = burst(now.per_object(matches, is_in), rows, max(usual, SLIPS))
        if run is not None and run.share - usual >= 0.3 and (best is None or run.nats > 1.01 * best[0].nats):
            best = run, f"{now.by[place]}={value or '(none)'}" if place >= 0 else ""
    if best is None or best[0].nats < _TOGETHER * ENOUGH_NATS:
        return None
    run, where = best
    return _told(
        now, run, Drift.MISSING_OPTIONAL, path, f"absent, null or empty; {usual:.0%} were before",
        "It is null from then on: ask the producer whether it is gone for good.", None, where,
    )  # fmt: skip


def _widened(now: Profile, before: Profile, field: Field) -> Finding | None:
    wanted = landed_type(field)
    if wanted not in (Type.DOUBLE, Type.INT, Type.LONG):
        return None
    wider = Form.NUMBER if wanted is Type.DOUBLE else Form.ROUND
    had = before.per_object(has_form(field.path, *NUMBERS)).sum()
    if had < 30 or before.per_object(has_form(field.path, Form.NUMBER, Form.ROUND)).any():
        return None
    return _found(
        now,
        has_form(field.path, wider, Form.ROUND),
        Drift.WIDENED,
        field.path,
        f"{wider.value} where only whole numbers came",
        f"Nothing to do: {wanted} takes it.",
        among=has_form(field.path, *NUMBERS),
    )


def _written_otherwise(now: Profile, before: Profile, field: Field) -> Finding | None:
    """A text that was written in one or two ways, and is in others."""
    if field.vocabulary or landed_type(field) is not Type.STRING:
        return None
    then, today = (
        [(number, mask(value)) for number, _, value in profile.values[field.path].kept if type(value) is str]
        if field.path in profile.values
        else []
        for profile in (before, now)
    )
    known = Counter(text for _, text in then)
    usual = {text for text, count in known.items() if count >= _LEAST_SHARE * len(then)}
    others = sum(count for text, count in known.items() if text not in usual) / max(1, len(then))
    if len(then) < 30 or len(today) < 30 or len(usual) > 2 or others > _LEAST_SHARE:
        return None
    counts = [
        np.bincount([number for number, text in today if is_hit(text)], minlength=len(now.objects))
        for is_hit in (lambda text: text not in usual, lambda _text: True)
    ]
    run = burst(counts[0], counts[1], max(others, SLIPS))
    if run is None or run.share < 0.5:
        return None
    forms = Counter(text for _, text in today if text not in usual)
    names = [_shown_mask(each.most_common(1)[0][0]) for each in (known, forms)]
    return _told(
        now, run, Drift.FORM, field.path, f"text like {names[1]} where {names[0]} came",
        "The contract takes any text: see that what reads the column does.",
    )  # fmt: skip


def _shown_mask(text: str) -> str:
    """A mask of digits and signs alone gives nothing away; short runs of letters could."""
    return "".join("a" if each.isalpha() else each for each in text)


def _broken_containers(now: Profile) -> Iterator[Finding | None]:
    for path in sorted(containers_of(now.source)):
        forms = {form for _, _, shape in now.rows for at, form in shape if at == path}
        for form in sorted(forms - {Form.NULL, Form.OBJECT}):
            yield _found(
                now,
                has_form(path, form),
                Drift.NESTED,
                path,
                f"{form.value} where an object stood",
                "No edit of the contract takes it: ask the producer for the object.",
                among=has(path),
            )


def _new_fields(now: Profile, paired: set[str]) -> Iterator[Finding | None]:
    for path in new_paths(now):
        if path in paired:
            continue
        edit = proposed(now, path)
        what, proposal = described(now, path, edit)
        yield _found(
            now,
            has(path),
            Drift.NEW,
            path,
            what,
            proposal,
            edit,
        )


def _renamed(now: Profile, pair: Renamed) -> Finding | None:
    is_moved = pair.path.rpartition(".")[0] != pair.alias.rpartition(".")[0]
    return _found(
        now,
        has(pair.alias),
        Drift.MOVED if is_moved else Drift.RENAMED,
        pair.path,
        f"comes as {pair.alias}; {pair.why}",
        f"Take {pair.alias} as an alias ({pair.confidence} confidence).",
        Alias(pair.path, pair.alias),
    )
