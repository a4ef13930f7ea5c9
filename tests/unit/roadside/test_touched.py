"""What changes touch, along a road of five steps."""

from __future__ import annotations

from typing import Any

import pytest

from roadside.changes import changes
from roadside.touched import Consumer, Touched, touched
from support.declarations import column, feature, field, put, real, small

EVERY = ("offers_4h_count", "offers_60m_count")


def touch(path: str, value: Any) -> Touched:
    after = put(small(), path, value)
    return touched(changes(small(), after), small(), after)


def test_a_changed_horizon_touches_all_that_is_made_of_the_source() -> None:
    found = touch("sources/calls/late_minutes", 90)
    assert found.moved == ("bronze.calls", "features.offers_15m", "silver.offers")
    assert found.features == {"offers_15m": EVERY}
    assert found.on_demand == ("pressure",)
    assert found.services == ("busy_v1", "calm_v1")
    assert found.datasets == ("calm_v1",)


def test_a_view_that_takes_none_of_a_source_is_passed_by() -> None:
    """apart_15m reads silver.offers, but declares that its values come from pings alone."""
    assert "features.apart_15m" not in touch("sources/calls/late_minutes", 90).tables
    alone = touch("steps/bronze.pings/is_daily", True)
    assert alone.tables == ("bronze.pings", "features.apart_15m")
    assert alone.services == ()


@pytest.mark.parametrize(
    ("path", "value", "tables"),
    [
        ("sources/calls/fields/kind", field(column="kind"), ("bronze.calls",)),
        ("tables/silver.offers/columns/kind", column(), ("silver.offers",)),
        ("views/offers_15m/features/declines_60m_count", feature(), ("features.offers_15m",)),
        ("tables/silver.offers/notes", "More.", ()),
        ("tables/silver.offers/retention_months", 20, ()),
    ],
)
def test_what_is_new_touches_its_own_table_and_no_reader(
    path: str, value: Any, tables: tuple[str, ...]
) -> None:
    found = touch(path, value)
    assert (found.tables, found.moved, found.has_readers) == (tables, (), False)


def test_a_changed_feature_touches_who_shows_it_and_nobody_who_shows_another() -> None:
    found = touch("views/offers_15m/features/offers_60m_count/window", "2h")
    assert (found.services, found.datasets, found.on_demand) == (("calm_v1",), ("calm_v1",), ())


def test_an_input_of_an_on_demand_view_touches_who_shows_what_is_made_of_it() -> None:
    found = touch("views/offers_15m/features/offers_4h_count/window", "2h")
    assert (found.services, found.datasets, found.on_demand) == (("busy_v1",), (), ("pressure",))
    assert touch("request/job_decision_at/type", "string").services == ("busy_v1",)
    assert touch("on_demand/pressure/body", "0b").services == ("busy_v1",)


def test_what_is_made_of_a_table_that_went_is_named() -> None:
    after = small()
    for gone in ("tables/silver.offers", "steps/silver.offers", "steps/features.offers_15m"):
        after = put(after, gone, None)
    found = touched(changes(small(), after), small(), after)
    assert found.tables == ("features.offers_15m", "silver.offers")
    assert found.services == ("busy_v1", "calm_v1")


def test_a_table_that_labels_are_made_of_touches_the_dataset_and_no_service() -> None:
    found = touch("tables/silver.answers/grain", "One row per answer.")
    assert (found.tables, found.services, found.datasets) == (("silver.answers",), (), ("calm_v1",))


def test_who_is_served_outside_the_lake_is_named() -> None:
    assert touch("views/offers_15m/features/declines_60m_count", feature()).consumers == (
        Consumer("Redis", "offers_15m", "holds declines_60m_count too"),
        Consumer("Snowflake", "features.offers_15m", "gains declines_60m_count as its last"),
        Consumer("S3", "features/offers_15m/", "gains declines_60m_count as its last"),
    )
    moved = touch("views/offers_15m/features/offers_60m_count/window", "2h").consumers
    assert [each.what for each in moved[:2]] == ["other values", "other rows or values"]
    assert [each.name for each in touch("datasets/calm_v1/filters", []).consumers] == [
        "ML.CALM_V1",
        "training/calm_v1/",
    ]


def test_the_real_road_has_every_table_that_a_dispatch_record_reaches() -> None:
    """By roadside.graph's own walk, but for what claims and pings alone make."""
    from roadside.graph import downstream, sources_read, step_named

    told = real()
    after = put(told, "sources/dispatch_events/late_minutes", 60)
    found = touched(changes(told, after), told, after)
    reached = {
        name
        for step, _ in downstream(step_named("bronze.dispatch_events"))
        for name in step.writes
        if "dispatch_events" in sources_read(step)
    }
    assert set(found.moved) == reached | {"bronze.dispatch_events"}
    assert "features.provider_performance_1d" in reached
