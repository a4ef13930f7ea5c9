"""The one module that calls Feast: apply, materialize, read historically and online.

Feast's own commands and `feast.FeatureStore` work on `feature_repo/` as its documentation says;
what stands here adds the platform's settings, its errors, and the guarantees stock Feast lacks
(nullable types throughout, keys and requests of a service checked before anything is read).
"""

from __future__ import annotations

import contextlib
import io
import math
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any

import pandas as pd
import redis
import sqlalchemy.exc
import yaml

from lakehouse.feast_cli import FEATURE_REPO, feast_command, feast_environment, feature_store_file
from lakehouse.feast_import import (
    Bool,
    FeatureService,
    FeatureStore,
    FeatureViewState,
    FieldStatus,
    Float64,
    Int32,
    Int64,
    OnDemandFeatureView,
    RepoConfig,
    String,
    UnixTimestamp,
)
from lakehouse.redis_server import RedisAddress
from lakehouse.scratch import scratch_folder
from lakehouse.settings import UNSTARTED_REDIS, Settings, masked
from validation.clocks import parse_moment, require_utc
from validation.errors import Defect, InputMissing, SettingError, UnknownName, Unreachable, UserError

SPINE_TIME = "event_timestamp"
_YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}
_READ: Mapping[Any, Callable[[str], Any]] = {
    Int64: int,
    Int32: int,
    Float64: float,
    Bool: lambda word: _YES_OR_NO[word.lower()],
}
NOBODY = ""
"""Stands for a null key online, where Feast wants a string: the key of no entity."""

_PANDAS_TYPES = {
    Int64: pd.Int64Dtype(),
    Int32: pd.Int32Dtype(),
    Float64: "float64",
    Bool: pd.BooleanDtype(),
    UnixTimestamp: pd.DatetimeTZDtype("us", "UTC"),
}
_SPINE_TYPES = _PANDAS_TYPES | {String: pd.StringDtype()}  # Spark cannot type a column of objects all null
_POSITION = "position_in_spine"
_EXACT = 2**53
"""Up to here a float holds every whole number."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Feast's prints, and its notices that the Spark store is experimental, out of our output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        _ignore_notices()
        yield


def _ignore_notices() -> None:
    """Its Spark parts call themselves experimental whenever a definition is read."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, message="The spark .* is an experimental")


def feature_store(settings: Settings) -> FeatureStore:
    """Feast over the environment's feature_store file, its variables taken from the settings.

    Nothing is started: Spark at the first historical read or materialization (an active session
    is used), Redis must already run when it is read or written.

    Raises:
        SettingError: the file names a variable that the settings leave empty.
        Unreachable: the registry's database cannot be opened.
    """
    with _quiet():
        config = _repo_config(settings)
    _ignore_notices()  # Feast's Spark store, imported by now, asks for them
    if settings.is_embedded:
        scratch_folder(settings.home)  # Feast's own Spark store would leave it open to others
    try:
        store = FeatureStore(config=config)
        _ = store.registry  # opened on first use: open it here, where the error can say which it is
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise Unreachable(
            f"Feast's registry {masked(settings.registry_url)} cannot be opened ({type(error).__name__}).",
            "Check ROADSIDE_REGISTRY_URL and that the server runs or the folder can be written.",
        ) from error
    return store


def apply(settings: Settings) -> str:
    """Register everything of `feature_repo/`, and return what changed, as Feast tells it.

    Runs `feast apply` in a process of its own (it changes the working directory and imports the
    definitions by path). Starts no Spark: the definitions state every field, and tests hold them
    to the contracts. Idempotent.

    Raises:
        Defect: the definitions do not apply; the message ends with Feast's.
    """
    _repo_config(settings)
    if settings.is_embedded:
        settings.home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*feast_command(settings), "apply", "--skip-source-validation", "--no-progress"],
        env=feast_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Defect("feast apply failed.", "\n".join(done.stderr.strip().splitlines()[-15:]))
    return done.stdout


@_quiet()
def historical_features(store: FeatureStore, spine: pd.DataFrame, service_name: str) -> pd.DataFrame:
    """The spine, as given, with the service's features as they could be read at `event_timestamp`.

    One row per row of the spine, in its order and with its index; every column of the spine, then
    every `view__feature` of the service in the service's order, and no input of its on-demand views.
    Integers and booleans are nullable types, moments UTC in microseconds. A null key gives null
    features; a request field may be null. Keys are text: a whole number is taken as its digits, also
    where nulls among them made pandas keep them as floats.

    Raises:
        UnknownName: no such service.
        UserError: the spine lacks a key, a request field or a time, or its time has no zone; or a key is
            a number that is not whole, or too great for a float to hold it exactly.
    """
    service = service_named(store, service_name)
    keys, request = join_keys(store, service), request_types(store, service)
    _check_spine(spine, [*keys, *request], service)
    columns = feature_types(service)
    asked = spine[[*keys, *request, SPINE_TIME]].reset_index(drop=True)
    for key in keys:
        asked[key] = _as_text(asked[key], key)
    for name, dtype in request.items():
        asked[name] = _typed(asked[name], dtype, _SPINE_TYPES)
    if asked.empty:
        answered = asked.reindex(columns=list(columns))
    else:
        asked[_POSITION] = range(len(asked))
        job = store.get_historical_features(entity_df=asked, features=service, full_feature_names=True)
        answered = job.to_df().sort_values(
            _POSITION, ignore_index=True
        )  # Feast's own Spark store answers in any order
    features = {name: _typed(answered[name], dtype) for name, dtype in columns.items()}
    return pd.concat([spine, pd.DataFrame(features).set_axis(spine.index)], axis="columns")


@_quiet()
def features_by_reference(
    store: FeatureStore, spine: pd.DataFrame, references: Sequence[str]
) -> pd.DataFrame:
    """The spine, as given, with the stored features referred to (`view:feature`), under full names.

    One row per row of the spine, in its order; for what is worked out from features and shown nowhere.

    Raises:
        UnknownName: no such view, or no such feature of it.
        UserError: the spine lacks a key or a time, or its time has no zone.
    """
    _check_references(store, references)
    asked = spine.reset_index(drop=True)
    asked[_POSITION] = range(len(asked))
    job = store.get_historical_features(entity_df=asked, features=list(references), full_feature_names=True)
    answered = job.to_df().sort_values(_POSITION, ignore_index=True)
    return answered.drop(columns=_POSITION).set_axis(spine.index)


@dataclass(frozen=True)
class OnlineCell:
    """One feature of one entity as Redis serves it now.

    Attributes:
        status: PRESENT, NULL_VALUE, NOT_FOUND or OUTSIDE_MAX_AGE; PRESENT of what is worked out on demand.
        available_at: since when the row that holds the value could be read; None without one.
    """

    view: str
    feature: str
    value: Any
    status: str
    available_at: datetime | None


def online_features(
    store: FeatureStore, service_name: str, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What Redis serves now: one dict per row, in order, the keys and every `view__feature`.

    A row states every key and, where the service has on-demand views, every field of the request. An
    unknown or null key reads null throughout, and so does a value past its time to live. Moments are
    UTC datetimes.

    Raises:
        UnknownName: no such service.
        UserError: a row lacks a key or a request field.
        Unreachable: Redis does not answer.
    """
    keys = join_keys(store, service_named(store, service_name))
    return [
        {key: row[key] for key in keys} | {f"{cell.view}__{cell.feature}": cell.value for cell in cells}
        for row, cells in zip(rows, online_cells(store, service_name, rows), strict=True)
    ]


@_quiet()
def online_cells(
    store: FeatureStore, service_name: str, rows: Sequence[Mapping[str, Any]]
) -> list[list[OnlineCell]]:
    """Every feature of the service per row, in order, with its status and the row it came from.

    Raises:
        UnknownName, UserError, Unreachable: as `online_features`.
    """
    service = service_named(store, service_name)
    keys, request = join_keys(store, service), request_types(store, service)
    needed = [*keys, *request]
    lacking = [name for name in needed if any(name not in row for row in rows)]
    if lacking:
        raise UserError(f"{service_name} is read by {', '.join(needed)}; a row lacks {', '.join(lacking)}.")
    if not rows:
        return []
    asked = [
        {key: NOBODY if row[key] is None else row[key] for key in keys}
        | {name: row[name] for name in request}
        for row in rows
    ]
    with _redis_errors(store):
        response = store.get_online_features(features=service, entity_rows=asked, full_feature_names=True)
    values = response.to_dict()
    vectors = dict(zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True))
    return [
        [
            _cell(name, dtype, values[name][position], vectors[name], position)
            for name, dtype in feature_types(service).items()
        ]
        for position in range(len(rows))
    ]


def _cell(name: str, dtype: Any, value: Any, vector: Any, position: int) -> OnlineCell:
    """A place of a feature's vector in Feast's answer, which has no moment of what has no row."""
    view, feature = name.split("__", 1)
    status = FieldStatus.Name(vector.statuses[position])
    moments = vector.event_timestamps
    has_row = position < len(moments) and moments[position].ByteSize()
    available_at: datetime | None = moments[position].ToDatetime(UTC) if has_row else None
    return OnlineCell(view, feature, _plain(value, dtype), status, available_at)


@_quiet()
def materialize(store: FeatureStore, view_name: str, start: datetime, end: datetime) -> None:
    """Write the newest row per key with start <= available_at <= end to Redis. Idempotent.

    Raises:
        UnknownName: no such view.
        UserError: a bound has no zone, or end < start.
        Unreachable: Redis does not answer.
    """
    known = {view.name: view for view in store.list_feature_views()}
    if view_name not in known:
        raise _unknown("feature view", view_name, known)
    start, end = require_utc(start, "start"), require_utc(end, "end")
    if end < start:
        raise UserError(f"The range [{start}, {end}] to materialize ends before it starts.")
    with _redis_errors(store), contextlib.redirect_stderr(io.StringIO()):  # Feast's bars
        _give_back(store, known[view_name])
        store.materialize(start_date=start, end_date=end, feature_views=[view_name])


def _give_back(store: FeatureStore, view: Any) -> None:
    """Let a view be read whose materialization was killed, whatever becomes of the next one.

    Feast takes a view that it finds MATERIALIZING for one never written, once the next run fails too.
    """
    if view.state == FeatureViewState.MATERIALIZING and view.materialization_intervals:
        view.state = FeatureViewState.AVAILABLE_ONLINE
        store.registry.apply_feature_view(view, store.project)


def join_keys(store: FeatureStore, service: FeatureService) -> list[str]:
    """The columns a spine or an online row needs for the service, in order of first use.

    What an on-demand view is made of is read by keys, too.
    """
    keys: dict[str, None] = {}
    for projection in service.feature_view_projections:
        view = _view(store, projection.name)
        is_on_demand = isinstance(view, OnDemandFeatureView)
        for read in view.source_feature_view_projections.values() if is_on_demand else (projection,):
            stored = _view(store, read.name)
            keys |= dict.fromkeys(read.join_key_map.get(key, key) for key in stored.join_keys)
    return list(keys)


def request_types(store: FeatureStore, service: FeatureService) -> dict[str, Any]:
    """Feast type by field of the request, of all that the service's on-demand views read."""
    views = [_view(store, projection.name) for projection in service.feature_view_projections]
    return {
        field.name: field.dtype
        for view in views
        if isinstance(view, OnDemandFeatureView)
        for source in view.source_request_sources.values()
        for field in source.schema
    }


def stated(name: str, text: str, dtype: Any) -> Any:
    """A field of the request as somebody typed it, in its own type.

    >>> stated("job_needs_tow", "yes", Bool), stated("job_tow_leg_km", "12.5", Float64)
    (True, 12.5)

    Raises:
        UserError: the text is no value of that type.
    """
    if dtype == UnixTimestamp:
        return parse_moment(text, name)
    try:
        return _READ.get(dtype, str)(text)
    except (KeyError, ValueError):
        raise UserError(f"{name}={text} is no {dtype}.", "Write 12, 12.5, yes or no.") from None


def feature_types(service: FeatureService) -> dict[str, Any]:
    """Feast type by `view__feature`, in the service's order."""
    return {
        f"{projection.name_alias or projection.name}__{feature.name}": feature.dtype
        for projection in service.feature_view_projections
        for feature in projection.features
    }


def _repo_config(settings: Settings) -> RepoConfig:
    """The environment's feature_store file as Feast reads it, save that a variable left unset is an error.

    Feast would leave `${VARIABLE}` standing and take it for a path or a host.
    """
    path = feature_store_file(settings)
    given = {name: value for name, value in settings.environment().items() if value}
    try:
        text = Template(path.read_text()).substitute(given)
    except FileNotFoundError:
        raise InputMissing(f"{path} is missing.", "Run from a checkout of the project.") from None
    except KeyError as unset:
        raise SettingError(f"{path.name} needs {unset.args[0]}, which is not set.") from None
    config = RepoConfig(**yaml.safe_load(text))
    config.repo_path = FEATURE_REPO
    return config


def service_named(store: FeatureStore, name: str) -> FeatureService:
    """The registered service of that name.

    Raises:
        UnknownName: there is none; the known ones are said.
        InputMissing: nothing is registered yet.
    """
    known = {service.name: service for service in store.list_feature_services()}
    if name not in known:
        raise _unknown("feature service", name, known)
    return known[name]


def _unknown(kind: str, name: str, known: Sequence[str] | Mapping[str, Any]) -> UserError:
    if known:
        return UnknownName(kind, name, known)
    return InputMissing(f"Feast's registry holds no {kind} yet.", "Run `feast -c feature_repo apply`.")


def _check_spine(spine: pd.DataFrame, keys: Sequence[str], service: FeatureService) -> None:
    lacking = [name for name in (*keys, SPINE_TIME) if name not in spine.columns]
    if lacking:
        raise UserError(f"{service.name} needs {', '.join(lacking)}, which the spine does not have.")
    if not isinstance(spine[SPINE_TIME].dtype, pd.DatetimeTZDtype):
        raise UserError(f"{SPINE_TIME} has no time zone; say which (UTC?).")
    if spine[SPINE_TIME].isna().any():
        raise UserError(f"{SPINE_TIME} is null in {spine[SPINE_TIME].isna().sum()} rows of the spine.")
    taken = sorted(set(spine.columns) & set(feature_types(service)))
    if taken:
        raise UserError(f"The spine already has {', '.join(taken)}, which the answer would add.")


def _check_references(store: FeatureStore, references: Sequence[str]) -> None:
    """Nothing, if each view has the feature; Feast itself says only which key it did not find."""
    views = {view.name: view for view in store.list_feature_views()}
    for reference in references:
        name, _, feature = reference.partition(":")
        if name not in views:
            raise _unknown("feature view", name, views)
        known = [field.name for field in views[name].features]
        if feature not in known:
            raise UnknownName(f"feature of {name}", feature, known)


def _as_text(values: Any, key: str) -> Any:
    """The key's column as text; pandas makes floats of whole numbers among which one is null."""
    values = values.infer_objects()
    if pd.api.types.is_float_dtype(values):
        known = values.dropna()
        if not ((known % 1 == 0) & (known.abs() <= _EXACT)).all():
            raise UserError(f"The spine's {key} holds numbers that are no keys.", "Give the keys as text.")
        values = values.astype(pd.Int64Dtype())
    return values.astype(pd.StringDtype())


def _typed(values: Any, dtype: Any, types: Mapping[Any, Any] = _PANDAS_TYPES) -> Any:
    """The column in its own type; Spark hands moments over without their zone, UTC."""
    if dtype == UnixTimestamp:
        values = pd.to_datetime(values, utc=True)
    return values.astype(types.get(dtype, object))


def _plain(value: Any, dtype: Any) -> Any:
    """An online value as its type has it: Feast hands a null that was worked out on demand over as a
    NaN, and with it every integer of the column as a float."""
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if dtype in (Int64, Int32) else value
    return value


def _view(store: FeatureStore, name: str) -> Any:
    """The view of that name, stored or on demand."""
    return store.registry.get_any_feature_view(name, store.project, allow_cache=True)


@contextlib.contextmanager
def _redis_errors(store: FeatureStore) -> Iterator[None]:
    """One error for a Redis that was never started, or of which the stock store says in its own words."""
    connection = store.config.online_store.connection_string
    if connection == UNSTARTED_REDIS:
        raise Unreachable("The private Redis was never started.", "Run `roadside run`, which starts it.")
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise Unreachable(
            f"Redis at {RedisAddress.parse(connection)} does not answer ({type(error).__name__}).",
            "Start it or mend ROADSIDE_REDIS; what was published before is served again when it is back.",
        ) from error
