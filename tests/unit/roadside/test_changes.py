"""Each rule of what may be merged, once; and what is not told twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from roadside.changes import Change, changes, is_breaking
from roadside.compatibility import RULES, Effect, rule_of
from support.declarations import column, feature, field, put, real, small, step, table
from validation.errors import Defect

OK, SHADOW, NO = Effect.COMPATIBLE, Effect.SHADOW, Effect.BREAKING
CALLS, OFFERS, VIEW = "sources/calls", "tables/silver.offers", "views/offers_15m"
SEQ = f"{OFFERS}/columns/offer_seq"
COUNT = f"{VIEW}/features/offers_60m_count"
ACTOR = f"{CALLS}/fields/actor"

ONE_CHANGE = [
    # path, new value, kind, how, class
    ("sources/pings", small()["sources"]["calls"], "source", "added", OK),
    (CALLS, None, "source", "removed", NO),
    (f"{CALLS}/version", 2, "source", "changed", SHADOW),
    (f"{CALLS}/timestamp", "said_at", "source", "changed", NO),
    (f"{CALLS}/subjects", ["member by member_id"], "source", "changed", NO),
    (f"{CALLS}/late_minutes", 90, "source", "changed", SHADOW),
    (f"{CALLS}/ahead_minutes", 90, "source", "changed", SHADOW),
    (f"{CALLS}/heartbeat_minutes", 15, "source", "changed", SHADOW),
    (f"{CALLS}/fields/kind", field(column="kind"), "field", "added", OK),
    (f"{CALLS}/fields/kind", field(column="kind", is_required=True), "field", "added required", NO),
    (ACTOR, None, "field", "removed", NO),
    (f"{ACTOR}/column", "said_by", "field", "changed", NO),
    (f"{ACTOR}/vocabulary", ["agent", "member", "system"], "field", "words added", OK),
    (f"{ACTOR}/vocabulary", ["agent"], "field", "words removed", SHADOW),
    (f"{ACTOR}/aliases", ["known", "by"], "field", "words added", OK),
    (f"{ACTOR}/aliases", [], "field", "words removed", NO),
    (f"{ACTOR}/type", "bigint", "field", "changed", NO),
    (f"{ACTOR}/is_required", True, "field", "demanded", NO),
    (f"{CALLS}/fields/offer_id/is_required", False, "field", "relaxed", SHADOW),
    (f"{ACTOR}/high", 9, "field", "changed", SHADOW),
    (f"{ACTOR}/treatment", "token", "field", "raised", SHADOW),
    (f"{CALLS}/fields/note/treatment", "plain", "field", "lowered", NO),
    (f"{CALLS}/checks/late", {"what": "LateShare", "severity": "warn"}, "check", "added", OK),
    (f"{CALLS}/checks/null", {"what": "NullShare", "severity": "fail"}, "check", "added", SHADOW),
    (f"{CALLS}/checks/volume/factor", 3.5, "check", "changed", OK),
    (f"{CALLS}/checks/volume/severity", "fail", "check", "changed", SHADOW),
    ("tables/silver.jobs", table(), "table", "added", OK),
    (OFFERS, None, "table", "removed", NO),
    (f"{OFFERS}/grain", "One row per job.", "table", "changed", NO),
    (f"{OFFERS}/key", ["offer_id", "known_at"], "table", "changed", NO),
    (f"{OFFERS}/clock", "landed_at", "table", "changed", NO),
    (f"{OFFERS}/partition", "landed_date", "table", "changed", NO),
    (f"{OFFERS}/retention_months", 14, "table", "raised", OK),
    (f"{OFFERS}/retention_months", 12, "table", "lowered", NO),
    (f"{OFFERS}/notes", "More.", "table", "changed", OK),
    (f"{OFFERS}/order", ["offer_id"], "table", "changed", OK),
    (f"{OFFERS}/is_restricted", True, "table", "set", NO),
    (f"{OFFERS}/columns/actor", column(), "column", "added", OK),
    (SEQ, None, "column", "removed", NO),
    (f"{SEQ}/type", "bigint", "column", "widened", OK),
    (f"{SEQ}/type", "double", "column", "widened", OK),
    (f"{SEQ}/type", "string", "column", "changed", NO),
    (f"{SEQ}/meaning", "Which of them.", "column", "changed", OK),
    (f"{SEQ}/unit", "1", "column", "changed", OK),
    (f"{SEQ}/sensitivity", "business", "column", "raised", SHADOW),
    (f"{SEQ}/is_required", True, "column", "demanded", NO),
    (f"{OFFERS}/columns/offer_id/is_required", False, "column", "relaxed", SHADOW),
    (f"{OFFERS}/checks/seq/holds", "offer_seq > 1", "check", "changed", SHADOW),
    (f"{OFFERS}/checks/seq/severity", "warn", "check", "changed", SHADOW),
    (f"{OFFERS}/checks/few/holds", "offer_seq < 200", "check", "changed", OK),
    (f"{OFFERS}/checks/few", None, "check", "removed", OK),
    ("views/jobs_15m", small()["views"]["apart_15m"], "view", "added", OK),
    ("views/apart_15m", None, "view", "removed", NO),
    (f"{VIEW}/entities", ["provider_id", "zone_id"], "view", "changed", NO),
    (f"{VIEW}/time_to_live_days", 8, "view", "changed", SHADOW),
    (f"{VIEW}/beat", 1, "view", "changed", SHADOW),
    (f"{VIEW}/is_in_redis_after_every_tick", False, "view", "lifted", NO),
    (f"{VIEW}/features/declines_60m_count", feature(), "feature", "added", OK),
    (COUNT, None, "feature", "removed", NO),
    (f"{COUNT}/made", "count of measure offers over 8 instants", "feature", "changed", SHADOW),
    (f"{COUNT}/window", "2h", "feature", "changed", SHADOW),
    (f"{COUNT}/kind", "last", "feature", "changed", SHADOW),
    (f"{COUNT}/type", "double", "feature", "widened", OK),
    (f"{COUNT}/type", "int", "feature", "changed", NO),
    (f"{COUNT}/meaning", "Offers made.", "feature", "changed", OK),
    ("on_demand/calm", small()["on_demand"]["pressure"], "on-demand view", "added", OK),
    ("on_demand/pressure", None, "on-demand view", "removed", NO),
    ("on_demand/pressure/body", "0b", "on-demand view", "changed", SHADOW),
    ("on_demand/pressure/null", "no job", "on-demand view", "changed", OK),
    ("on_demand/pressure/features/calm_ratio", column(), "feature", "added", OK),
    ("request/job_channel", column(), "request field", "added", OK),
    ("request/provider_id", column(), "request field", "added, a join key", NO),
    ("request/driver_id", column(), "request field", "added, a join key", NO),
    ("request/asked_id", column(), "request field", "added, a join key", NO),
    ("request/job_decision_at", None, "request field", "removed", NO),
    ("services/calm_v2", small()["services"]["calm_v1"], "service", "added", OK),
    ("services/calm_v1", None, "service", "removed", NO),
    ("services/calm_v1/columns", ["offers_15m__offers_4h_count bigint"], "service", "changed", NO),
    ("datasets/calm_v2", small()["datasets"]["calm_v1"], "dataset", "added", OK),
    ("datasets/calm_v1", None, "dataset", "removed", NO),
    ("datasets/calm_v1/filters", [], "dataset", "changed", NO),
    ("datasets/calm_v1/retention_months", 36, "dataset", "raised", OK),
    ("datasets/calm_v1/gates/asked_twice", {"severity": "report"}, "dataset", "changed", OK),
    ("datasets/calm_v1/checks/range/holds", "y >= 0", "dataset", "changed", NO),
    ("steps/silver.jobs", step("silver.jobs"), "step", "added", OK),
    ("steps/silver.offers/reads", {"bronze.calls": 120}, "step", "further back", OK),
    ("steps/silver.offers/reads", {"bronze.calls": 30}, "step", "changed", SHADOW),
    ("steps/silver.offers/is_daily", True, "step", "changed", SHADOW),
]


def named(row: tuple[Any, ...]) -> str:
    return f"{row[0]}-{row[3]}"


@pytest.mark.parametrize(("path", "value", "kind", "how", "effect"), ONE_CHANGE, ids=map(named, ONE_CHANGE))
def test_each_kind_of_change_has_its_class(
    path: str, value: Any, kind: str, how: str, effect: Effect
) -> None:
    (found,) = changes(small(), put(small(), path, value))
    assert (found.kind, found.how, found.effect) == (kind, how, effect)
    assert found.why
    assert effect is not NO or found.instead


def test_the_same_declarations_differ_in_nothing() -> None:
    assert changes(small(), small()) == []


def test_a_lowered_sensitivity_is_the_privacy_officer_s_to_allow() -> None:
    (found,) = changes(put(small(), f"{SEQ}/sensitivity", "token"), small())
    assert (found.how, found.effect) == ("lowered", NO)
    assert "privacy officer" in found.instead


@pytest.mark.parametrize(
    ("version", "how", "effect"), [(1, "renamed", NO), (2, "renamed by a version", SHADOW)]
)
def test_a_field_that_went_where_another_came_for_its_column_was_renamed(
    version: int, how: str, effect: Effect
) -> None:
    moved = put(
        put(small(), ACTOR, None), f"{CALLS}/fields/said_by", small()["sources"]["calls"]["fields"]["actor"]
    )
    found = [
        each for each in changes(small(), put(moved, f"{CALLS}/version", version)) if each.kind == "field"
    ]
    assert [(each.name, each.how, each.before, each.effect) for each in found] == [
        ("calls.said_by", how, "actor", effect)
    ]


def test_words_that_come_and_words_that_go_are_two_changes() -> None:
    found = changes(small(), put(small(), f"{ACTOR}/vocabulary", ["agent", "system"]))
    assert [(each.how, each.before, each.after) for each in found] == [
        ("words removed", ["member"], None),
        ("words added", None, ["system"]),
    ]


def test_a_check_of_a_column_comes_and_goes_with_it() -> None:
    more = put(small(), f"{OFFERS}/columns/rank", column())
    checked = put(more, f"{OFFERS}/checks/rank_range", {"holds": "rank > 0", "severity": "fail"})
    assert [each.name for each in changes(small(), checked)] == ["silver.offers.rank"]
    assert [each.name for each in changes(checked, small())] == ["silver.offers.rank"]
    assert [each.effect for each in changes(more, checked)] == [SHADOW], "asked of a column that stands"


def test_a_word_more_in_a_check_that_fails_refuses_nothing() -> None:
    check = {"holds": "actor IN ('a')", "values": ["a"], "severity": "fail"}
    old = put(small(), f"{OFFERS}/checks/actor", check)
    more = put(
        small(), f"{OFFERS}/checks/actor", check | {"holds": "actor IN ('a', 'b')", "values": ["a", "b"]}
    )
    assert [each.effect for each in changes(old, more)] == [OK]
    assert [each.effect for each in changes(more, old)] == [SHADOW]


def test_a_view_that_comes_is_told_once_without_its_table_and_features() -> None:
    more = put(small(), "views/new_15m", small()["views"]["apart_15m"])
    found = changes(small(), put(more, "tables/features.new_15m", table()))
    assert [(each.kind, each.name) for each in found] == [("view", "new_15m")]


def test_the_worst_is_told_first() -> None:
    several = put(put(put(small(), SEQ, None), f"{COUNT}/window", "2h"), "tables/silver.jobs", table())
    found = changes(small(), several)
    assert [each.effect for each in found] == [NO, SHADOW, OK]
    assert is_breaking(found)
    assert not is_breaking(found[1:])


def test_a_change_that_no_rule_covers_is_ours_to_mend() -> None:
    with pytest.raises(Defect, match="No rule says what it means"):
        rule_of("table", "", "painted")


def test_no_rule_is_hidden_behind_an_earlier_one() -> None:
    for number, rule in enumerate(RULES):
        words = (rule.kind, rule.facet, rule.how)
        hidden = [each for each in RULES[:number] if each.covers(*words)]
        assert not hidden, words


def altered(told: Any) -> Iterator[Any]:
    """Another value of the same shape."""
    match told:
        case bool():
            yield not told
        case int() | float():
            yield from (told + 1, told - 1)
        case list():
            yield from ([*told, "more"], [])
        case dict():
            yield {}
        case None:
            yield "some"
        case _:
            yield f"{told} more"


WORDS = {"type": ("string", "double"), "sensitivity": ("open", "sealed"), "treatment": ("plain", "sealed")}
PARTS = {"fields", "checks", "columns", "features", "gates"}


def every_alteration(told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, things in told.items():
        for name, thing in things.items() if section != "format" else ():
            places = [(f"{section}/{name}", thing)]
            for place in (each for each in PARTS & set(thing) if isinstance(thing[each], dict)):
                places += [(f"{section}/{name}/{place}/{part}", it) for part, it in thing[place].items()]
            for path, it in places:
                for facet in set(it) - PARTS:
                    for value in WORDS.get(facet, altered(it[facet])):
                        yield f"{path}/{facet}", value


def test_every_facet_that_is_declared_has_a_rule() -> None:
    told = small()
    altered_ones = list(every_alteration(told))
    assert len(altered_ones) > 150
    for path, value in altered_ones:
        changes(told, put(told, path, value))


def test_the_small_road_of_these_tests_is_described_like_the_real_one() -> None:
    """Else a facet that is declared would be tested by none of them."""
    mine, theirs = small(), real()
    for section in set(theirs) - {"format", "datasets"}:
        (one, *_), (other, *_) = mine[section].values(), theirs[section].values()
        assert set(one) == set(other), section
        for place in PARTS & set(one) - {"checks"} - ({"columns"} if section == "services" else set()):
            (part, *_), (real_part, *_) = one[place].values(), other[place].values()
            assert set(part) == set(real_part), (section, place)


def test_a_change_says_which_part_of_its_owner_it_is_of() -> None:
    (found,) = changes(small(), put(small(), COUNT, None))
    assert isinstance(found, Change)
    assert (found.owner, found.part) == ("offers_15m", "offers_60m_count")
