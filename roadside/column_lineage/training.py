"""training: features as they were joined, and what a request would have stated. Labels are not told."""

from __future__ import annotations

from collections.abc import Mapping

from roadside.column_lineage.naming import Made, Of
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS
from validation.column_lineage import ColumnRef, How, MadeOf, TableLineage
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import entity_keys
from validation.contracts.training.row_index import ROW_INDEX
from validation.on_demand import ON_DEMAND, OnDemandView

_OFFERS, _JOBS = Of("silver.offers"), Of("silver.jobs")
_EVENTS, _PRECISE = Of("silver.dispatch_events"), Of("silver.dispatch_events_precise")


def _place(*fields: str, note: str) -> Made:
    return tuple(
        MadeOf(ColumnRef(_PRECISE.table, "sealed_payload", name), How.TRANSFORMATION, note) for name in fields
    )


_LATER = ("offered_at", "responded_at", "offer_outcome")
_INCIDENT, _DESTINATION = ("latitude", "longitude"), ("destination.latitude", "destination.longitude")
_REQUEST: Mapping[str, Made] = {
    "job_latitude": _place("latitude", note="as last stated by then; not kept"),
    "job_longitude": _place("longitude", note="as last stated by then; not kept"),
    "job_tow_leg_km": _place(*_INCIDENT, *_DESTINATION, note="the distance alone is kept"),
    "job_requested_at": _JOBS.same("requested_at"),
    "job_channel": _EVENTS.same("dispatch_channel", note="as the offer itself states it"),
    "job_offers_so_far_count": _OFFERS.added("offered_at", note="counted"),
    "job_declines_so_far_count": _OFFERS.added(*_LATER, note="counted"),
    "job_minutes_since_this_provider_declined": _OFFERS.added(*_LATER, "provider_id", note="the last one"),
}
"""Fields of a request (`training_datasets.requests`) but those of the decision itself."""

_ON_DEMAND = {view.name: view for view in ON_DEMAND}
_STORED = {table.short_name: table.name for table in FEATURES}
_CLOCKS = ("available_at", "revision")


def training() -> dict[str, TableLineage]:
    """Every dataset, and the index of their rows."""
    of = "the dataset's own name and ids"
    decisions = "the decisions, by job"
    index = {name: decisions if name == "job_id" else of for name in ROW_INDEX.column_names}
    return {spec.table.name: _dataset(spec) for spec in SPECS} | {
        ROW_INDEX.name: TableLineage({}, otherwise=index)
    }


def _dataset(spec: DatasetSpec) -> TableLineage:
    columns, otherwise = {}, {}
    for name in spec.table.column_names:
        made = _column(spec, name)
        if made:
            columns[name] = made
        else:
            otherwise[name] = _where_from(spec, name)
    views = dict.fromkeys(each.of.table for made in columns.values() for each in made)
    joined = tuple(
        each
        for table in FEATURES
        if table.name in views
        for each in Of(table.name).how(
            How.JOIN, *entity_keys(table), *_CLOCKS, note="in force at the decision"
        )
    )
    return TableLineage(columns, joined, otherwise)


def _column(spec: DatasetSpec, name: str) -> Made:
    role, _, feature = name.partition("__")
    view = role.removeprefix("incident_")
    if feature:
        return _on_demand(spec, _ON_DEMAND[view]) if view in _ON_DEMAND else Of(_STORED[view]).same(feature)
    if name in spec.spine:
        return _decided(spec, spec.spine[name])
    return _REQUEST.get(name, ()) or _of_decision(spec, name)


def _on_demand(spec: DatasetSpec, view: OnDemandView) -> Made:
    """All that the view asks for: it does not say which of its features needs which."""
    made: list[MadeOf] = []
    note = f"on-demand view {view.name}"
    for name in view.inputs:
        stored, _, feature = name.partition(".")
        if feature:
            made += Of(_STORED[stored]).made(feature, note=note)
        else:
            given = _REQUEST.get(name, ()) or _of_decision(spec, name)
            made += [MadeOf(each.of, How.TRANSFORMATION, note) for each in given]
    return tuple(dict.fromkeys(made))


def _of_decision(spec: DatasetSpec, name: str) -> Made:
    """A field of a request that the decision itself gives."""
    of = {"job_timezone": "zone_id", "job_needs_tow": "service_type", "job_service_type": "service_type"}
    if name not in of:
        return ()
    return tuple(MadeOf(each.of, How.TRANSFORMATION) for each in _decided(spec, of[name]))


def _decided(spec: DatasetSpec, column: str) -> Made:
    """A column of the decisions, if it is one of the table that they are taken from."""
    if column == "provider_id" and spec.choices is not None:
        return ()
    table = spec.sources[0]
    return Of(table.name).same(column) if column in table.column_names else ()


def _where_from(spec: DatasetSpec, name: str) -> str:
    tables = ", ".join(table.name for table in spec.sources)
    kind = "a label, as known at the close" if name.startswith("label_") else "the decision and its ids"
    return f"{kind}: of {tables}, not told by column"
