"""What changed between two declarations, and what each change means for who reads today. Pure.

Both are the plain JSON of `roadside.declared`. What is new within something new is not told by itself,
nor what went with something that went.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from roadside.compatibility import Effect, Reach, Rule, is_wider, rule_of
from validation.contract import Sensitivity, Severity
from validation.source import Treatment

Plain = Mapping[str, Any]

_OF_MORE = tuple(each.value for each in Sensitivity)
_OF_LESS_CLEAR = tuple(each.name.lower() for each in Treatment)
_PARTS = {  # of a thing with parts: what they are called, where they stand
    "sources": (("field", "fields"), ("check", "checks")),
    "tables": (("column", "columns"), ("check", "checks")),
    "views": (("feature", "features"),),
    "on_demand": (("feature", "features"),),
}
_KINDS = {
    "sources": "source",
    "tables": "table",
    "views": "view",
    "on_demand": "on-demand view",
    "request": "request field",
    "services": "service",
    "datasets": "dataset",
    "steps": "step",
}


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: source, field, check, table, column, view, feature, on-demand view, request field, service,
            dataset or step.
        section: where it stands in the description, `tables` say.
        owner: the name there; of a column the table's.
        name: of the thing itself, `owner.part` of a part.
        facet: what of it changed; empty for the thing itself.
        how: added, removed, changed, or the direction.
        before, after: None where there is none.
    """

    kind: str
    section: str
    owner: str
    name: str
    facet: str
    how: str
    before: Any
    after: Any
    effect: Effect
    reach: Reach
    why: str
    instead: str

    @property
    def part(self) -> str:
        """The field, column, check or feature; empty where the owner itself changed."""
        return self.name.removeprefix(self.owner).removeprefix(".")


def changes(before: Plain, after: Plain) -> list[Change]:
    """Every difference, the worst class first, then by kind and name."""
    found = [change for section in _KINDS for change in _of_section(section, before, after)]
    order = list(Effect)
    return sorted(found, key=lambda each: (-order.index(each.effect), each.kind, each.name, each.facet))


def is_breaking(found: list[Change]) -> bool:
    """Whether one of them may not be merged as it is."""
    return any(each.effect is Effect.BREAKING for each in found)


def _of_section(section: str, before: Plain, after: Plain) -> Iterator[Change]:
    old, new = before[section], after[section]
    kind = _KINDS[section]
    for name in sorted({*old, *new}):
        if section == "tables" and _is_told_as_view(name, before, after):
            continue
        if name not in new:
            yield _change(kind, section, name, name, "", "removed", old[name], None)
        elif name not in old:
            how = "added, a join key" if section == "request" and name in _join_keys(after) else "added"
            yield _change(kind, section, name, name, "", how, None, new[name])
        elif section == "datasets":
            yield from _of_dataset(name, old[name], new[name])
        else:
            yield from _of_thing(section, name, old[name], new[name])
            for part, place in _PARTS.get(section, ()):
                yield from _of_parts(part, section, name, place, before, after)


def _is_told_as_view(table: str, before: Plain, after: Plain) -> bool:
    view = table.removeprefix("features.")
    return table.startswith("features.") and (view in before["views"]) != (view in after["views"])


def _of_thing(section: str, name: str, old: Plain, new: Plain) -> Iterator[Change]:
    parts = {place for _, place in _PARTS.get(section, ())}
    yield from _facets(_KINDS[section], section, name, name, _without(old, parts), _without(new, parts))


def _without(thing: Plain, parts: set[str]) -> Plain:
    return {key: value for key, value in thing.items() if key not in parts}


def _facets(kind: str, section: str, owner: str, name: str, old: Plain, new: Plain) -> Iterator[Change]:
    for facet in sorted({*old, *new}):
        was, now = old.get(facet), new.get(facet)
        if was != now:
            yield from (
                _change(kind, section, owner, name, facet, how, some_was, some_now)
                for how, some_was, some_now in _directions(kind, facet, was, now)
            )


def _of_parts(
    kind: str, section: str, owner: str, place: str, before: Plain, after: Plain
) -> Iterator[Change]:
    old, new = before[section][owner][place], after[section][owner][place]
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    if kind == "field":
        for was, now in _renamed(old, new, gone, come):
            raised = after[section][owner]["version"] > before[section][owner]["version"]
            how = "renamed by a version" if raised else "renamed"
            yield _change(kind, section, owner, f"{owner}.{now}", "", how, was, now)
            gone.remove(was)
            come.remove(now)
            yield from _facets(kind, section, owner, f"{owner}.{now}", old[was], new[now])
    for name in gone:
        if kind == "check":
            if not _is_of(old[name], _parts_of(section, owner, before) - _parts_of(section, owner, after)):
                yield _check_change(section, owner, name, "removed", old[name], None)
        else:
            yield _change(kind, section, owner, f"{owner}.{name}", "", "removed", old[name], None)
    for name in come:
        if kind == "check":
            if not _is_of(new[name], _parts_of(section, owner, after) - _parts_of(section, owner, before)):
                yield _check_change(section, owner, name, "added", None, new[name])
        else:
            how = "added required" if kind == "field" and new[name]["is_required"] else "added"
            yield _change(kind, section, owner, f"{owner}.{name}", "", how, None, new[name])
    for name in sorted(set(old) & set(new)):
        if kind != "check":
            yield from _facets(kind, section, owner, f"{owner}.{name}", old[name], new[name])
        elif old[name] != new[name]:
            yield _check_change(section, owner, name, "changed", old[name], new[name])


def _renamed(old: Plain, new: Plain, gone: list[str], come: list[str]) -> list[tuple[str, str]]:
    """Fields that went, and those that came and fill the same column."""
    return [
        (was, now)
        for was in gone
        for now in come
        if old[was]["column"] is not None and old[was]["column"] == new[now]["column"]
    ]


def _parts_of(section: str, owner: str, told: Plain) -> set[str]:
    """The columns that a check of the table may speak of, a feature view's features among them."""
    if section != "tables":
        return set()
    view = told["views"].get(owner.removeprefix("features."), {}) if owner.startswith("features.") else {}
    return {*told["tables"][owner]["columns"], *view.get("features", {})}


def _is_of(check: Plain, columns: set[str]) -> bool:
    """Whether a table's check came or went with a column that it speaks of."""
    return bool(columns & set(re.findall(r"[a-z_0-9]+", check.get("holds", ""))))


def _check_change(
    section: str, owner: str, name: str, how: str, was: Plain | None, now: Plain | None
) -> Change:
    fails = Severity.FAIL.value in [each["severity"] for each in (was, now) if each]
    more_words = was is not None and now is not None and _has_more_words(was, now)
    direction = "words added" if more_words else "failing" if fails else how
    rule = rule_of("check", "limits" if how == "changed" else "", direction)
    return _change("check", section, owner, f"{owner}.{name}", "", how, was, now, rule)


def _has_more_words(was: Plain, now: Plain) -> bool:
    """Whether a list of words gained some, and nothing else changed."""
    mine, theirs = (frozenset(each.get("values", ())) for each in (was, now))
    rest = [{k: v for k, v in each.items() if k not in ("holds", "values")} for each in (was, now)]
    return bool(mine) and mine < theirs and rest[0] == rest[1]


def _of_dataset(name: str, old: Plain, new: Plain) -> Iterator[Change]:
    """A released dataset is never edited, but for what it warns of."""
    for place in ("checks", "gates"):
        for each in sorted({*old[place], *new[place]}):
            was, now = old[place].get(each), new[place].get(each)
            if was != now:
                stops = Severity.FAIL.value in [it["severity"] for it in (was, now) if it]
                rule = rule_of("dataset", "check", "stopping" if stops else "warning")
                yield _change("dataset", "datasets", name, name, f"check {each}", "changed", was, now, rule)
    parts = {"checks", "gates"}
    yield from _facets("dataset", "datasets", name, name, _without(old, parts), _without(new, parts))


def _directions(kind: str, facet: str, was: Any, now: Any) -> list[tuple[str, Any, Any]]:
    """How a facet moved: one word, or one for the words that came and one for those that went."""
    match facet:
        case "type":
            return [("widened" if is_wider(was, now) else "changed", was, now)]
        case "sensitivity":
            return [(_moved(_OF_MORE, was, now), was, now)]
        case "treatment":
            return [(_moved(_OF_LESS_CLEAR, was, now), was, now)]
        case "is_required":
            return [("demanded" if now else "relaxed", was, now)]
        case "is_restricted" | "is_in_redis_after_every_tick":
            return [("set" if now else "lifted", was, now)]
        case "published_as":
            return [("added" if was is None else "removed" if now is None else "changed", was, now)]
        case "retention_months" | "retention_days":
            return [("raised" if (now or 0) > (was or 0) else "lowered", was, now)]
        case "aliases":
            was, now = was or [], now or []
            words = [("words added", None, _more(was, now)), ("words removed", _more(now, was), None)]
            return [(how, less, more) for how, less, more in words if less or more]
        case "vocabulary" if was and now:
            words = [("words added", None, _more(was, now)), ("words removed", _more(now, was), None)]
            return [(how, less, more) for how, less, more in words if less or more]
        case "reads" if kind == "step":
            return [("further back" if _is_further(was, now) else "changed", was, now)]
    return [("changed", was, now)]


def _moved(order: tuple[str, ...], was: str, now: str) -> str:
    return "raised" if order.index(now) > order.index(was) else "lowered"


def _more(of: list[str], than: list[str]) -> list[str]:
    return [each for each in than if each not in of]


def _is_further(was: Plain, now: Plain) -> bool:
    return was.keys() == now.keys() and all(now[each] >= was[each] for each in was)


def _join_keys(told: Plain) -> set[str]:
    """Every name that a service is asked by, and every entity's key."""
    stated = {
        key
        for service in told["services"].values()
        for _role, _view, keys in service["reads"]
        for key in keys.values()
    }
    return stated | {key for view in told["views"].values() for key in view["entities"]}


def _change(
    kind: str,
    section: str,
    owner: str,
    name: str,
    facet: str,
    how: str,
    was: Any,
    now: Any,
    rule: Rule | None = None,
) -> Change:
    rule = rule or rule_of(kind, facet, how)
    return Change(
        kind, section, owner, name, facet, how, was, now, rule.effect, rule.reach, rule.why, rule.instead
    )
