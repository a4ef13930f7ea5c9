"""Traces over all tables, the command that prints them, and what the events of real steps tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.lineage import Dataset, event_of
from lakehouse.processes import Process
from lakehouse.run_ledger import Run, RunStatus
from roadside import cli
from roadside.column_lineage import lineages
from roadside.column_lineage.tracing import column_named, goes_into, made_of, rows_decided
from validation.clocks import Interval
from validation.column_lineage import ColumnRef
from validation.contracts import TABLES
from validation.errors import UnknownName, UserError
from validation.on_demand import ON_DEMAND

CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)
HOUR = Interval(CUT, CUT + timedelta(hours=1))


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["lineage", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_feature_is_traced_through_its_measure_to_the_landed_field() -> None:
    hops = list(made_of(column_named("provider_activity_15m.offers_60m_count")))
    assert [(hop.depth, str(hop.column)) for hop in hops] == [
        (1, "tiles.dispatch_15m.amount[offers]"),
        (2, "silver.offers.offered_at"),
        (3, "silver.dispatch_events.event_timestamp"),
        (4, "bronze.dispatch_events.event_timestamp"),
        (5, "landing/dispatch_events.event_timestamp"),
    ]
    assert hops[0].made.note == "measure offers over 60 minutes"


def test_a_phone_number_goes_nowhere_but_sealed() -> None:
    phone = column_named("member.phone")
    assert phone == ColumnRef("landing/dispatch_events", "member.phone")
    hops = list(goes_into(phone))
    of_it = {str(hop.column) for hop in hops if "quarantine" not in hop.column.table}
    assert of_it == {
        "bronze.dispatch_events.content_digest",
        "bronze.dispatch_events.sealed_payload[member.phone]",
        "silver.dispatch_events_precise.sealed_payload[member.phone]",
    }
    assert all(hop.made.is_masked for hop in hops if hop.depth == 1 and str(hop.column) in of_it)
    assert "silver.arrival_evidence" not in rows_decided(phone, hops), "that opens the place alone"


def test_a_place_is_traced_out_of_what_seals_it() -> None:
    latitude = ColumnRef("landing/dispatch_events", "latitude")
    hops = list(goes_into(latitude))
    assert "silver.jobs.zone_id" in {str(hop.column) for hop in hops}
    assert "training.eta_v2.job_tow_leg_km" in {str(hop.column) for hop in hops}
    assert "silver.arrival_evidence" in rows_decided(latitude, hops)


def test_what_only_decides_a_value_is_told_when_asked_and_not_followed() -> None:
    ratio = column_named("zone_demand_15m.requests_60m_count")
    quiet, loud = list(made_of(ratio)), list(made_of(ratio, indirect=True))
    assert "silver.jobs.is_immediate" not in {str(hop.column) for hop in quiet}
    deciding = [hop for hop in loud if str(hop.column) == "silver.jobs.is_immediate"]
    assert deciding
    assert not any(hop.made.how.is_direct for hop in deciding)
    assert "silver.dispatch_events.scheduled_for" not in {str(hop.column) for hop in loud}


def test_both_directions_are_one_relation() -> None:
    column = ColumnRef("silver.assignments", "promised_arrival_at")
    for hop in goes_into(column):
        back = {(each.column.table, each.column.column) for each in made_of(hop.column)}
        assert (column.table, column.column) in back, str(hop.column)


def test_names_that_are_none_or_several_are_told_apart() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean .*silver\.jobs"):
        column_named("silver.jbs")
    with pytest.raises(UserError, match=r"tables have a column member_token.\nName one: bronze"):
        column_named("member_token")
    with pytest.raises(UnknownName, match="Did you mean offers"):
        column_named("tiles.dispatch_15m.amount[offer]")


def test_the_command_tells_of_a_column_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "silver.offers.response_seconds")
    assert code == 0
    assert "landing/dispatch_events.event_timestamp" in out
    assert "features.provider_activity_15m.response_seconds_p50_24h" in out


def test_the_command_tells_of_a_table_column_by_column(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "tiles.traffic_15m")
    assert code == 0
    assert "silver.traffic_speeds.reading_count" in out
    assert "Which rows there are: decided by" in out
    code, out, _ = answer(capsys, "training.eta_v1", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["columns"]["provider_fleet_15m__drivers_on_duty_count"][0]["subtype"] == "IDENTITY"
    assert told["otherwise"]["label_status"].startswith("a label")


def test_the_command_answers_in_json_and_says_where_else_a_column_comes_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = answer(capsys, "bronze.gps_pings.known_at", "--json")
    told = json.loads(out)
    assert told["made_of"] == []
    assert "landing ledger" in told["otherwise"]
    assert "silver.gps_pings" in told["decides_rows_of"]
    assert {"depth", "column", "type", "subtype", "masking", "description"} <= set(told["goes_into"][0])


def test_the_command_ends_with_2_for_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "offers_60m_cout")
    assert code == 2
    assert "Did you mean" in err


def a_run(table: str) -> Run:
    process = Process("a host", 1, "")
    return Run("r1", table, HOUR, "c1", RunStatus.RUNNING, HOUR.end, None, None, None, {}, None, process)


def facet_of(table: str) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    """The columnLineage of a run of the table, and the inputs of its event."""
    from openlineage.client.serde import Serde

    read = {made.of.table for made in lineages()[table].inputs()}
    contract = next((each for each in TABLES if each.name == table), None)
    writes = Dataset("s3://lake", table, table=contract, lineage=lineages()[table])
    event = json.loads(
        Serde.to_json(event_of(a_run(table), [Dataset("s3://in", each) for each in read], writes))
    )
    (output,) = event["outputs"]
    return output["facets"]["columnLineage"], {(each["namespace"], each["name"]) for each in event["inputs"]}


@pytest.mark.parametrize("table", [name for name in lineages() if lineages()[name].columns])
def test_the_event_of_every_table_has_a_facet_as_the_spec_has_it(table: str) -> None:
    facet, inputs = facet_of(table)
    assert facet["_schemaURL"].endswith("ColumnLineageDatasetFacet")
    assert set(facet["fields"]) == set(lineages()[table].columns)
    fields = [each for field in facet["fields"].values() for each in field["inputFields"]]
    for each in [*fields, *facet["dataset"]]:
        assert (each["namespace"], each["name"]) in inputs
        assert set(each) == {"namespace", "name", "field", "transformations"}
        for transformation in each["transformations"]:
            assert set(transformation) == {"type", "subtype", "description", "masking"}
            assert transformation["type"] in ("DIRECT", "INDIRECT")
    assert all(field["inputFields"] for field in facet["fields"].values())


def test_each_on_demand_feature_of_a_dataset_is_made_of_what_its_view_asks_for() -> None:
    geometry = next(view for view in ON_DEMAND if view.name == "trip_geometry")
    made = lineages()["training.eta_v2"].columns["trip_geometry__site_to_job_km"]
    stored = {name.partition(".")[2] for name in geometry.inputs if "." in name}
    assert stored <= {each.of.column for each in made}
