"""Feast as its documentation says, over our tables: apply, materialize, read online and offline.

Hand-made feature rows; the session's Spark, a private Redis, the SQL registry; one module, in order.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from feast import FeatureStore
from feast.cli.cli import cli
from pyspark.sql import SparkSession

from lakehouse import feast_cli, feast_edge
from lakehouse.ops import Ops
from lakehouse.redis_server import stop_redis
from lakehouse.settings import Settings, load_settings
from lakehouse.spark import spark_options
from roadside.cli import main
from support.feature_rows import at, feature_row, feature_tables, start_empty_redis, tick_row
from validation.contracts import FEATURES
from validation.contracts.training.eta_v1 import SERVICE_FEATURES
from validation.errors import InputMissing, SettingError, UnknownName, Unreachable, UserError
from validation.on_demand import ON_DEMAND

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

OFFERS = "provider_activity_15m__offers_60m_count"
REQUESTS = "incident_zone_demand_15m__requests_15m_count"
ON_TIME = "provider_performance_1d__on_time_ratio_28d"


ROWS = {
    "provider_activity_15m": [
        tick_row("provider_activity_15m", "P1", at(18), offers_60m_count=3, last_offered_at=at(17, 58)),
        tick_row("provider_activity_15m", "P1", at(19), offers_60m_count=4, offer_accept_ratio_4h=0.5),
        tick_row("provider_activity_15m", "P2", at(18), offers_60m_count=7),
        tick_row("provider_activity_15m", "P2", at(19)),
    ],
    "zone_demand_15m": [
        tick_row("zone_demand_15m", "Z1", at(18), requests_15m_count=2),
        tick_row("zone_demand_15m", "Z1", at(18), requests_15m_count=5, revision=1, revised_at=at(23)),
        tick_row("zone_demand_15m", "Z2", at(18), requests_15m_count=9),
    ],
    "provider_performance_1d": [
        feature_row(
            "provider_performance_1d", "P1", at(7), at(10), arrivals_28d_count=8, on_time_ratio_28d=0.75
        ),
    ],
}


@dataclass(frozen=True)
class Platform:
    settings: Settings
    store: FeatureStore
    applied: str


@pytest.fixture(scope="module")
def platform(spark: SparkSession, spark_settings: Settings) -> Iterator[Platform]:
    """Tables with hand-made rows, a running Redis, the definitions applied."""
    (spark_settings.home / "registry.db").unlink(missing_ok=True)  # it knows what others materialized
    with feature_tables(spark, ROWS):
        start_empty_redis(spark_settings)
        settings = load_settings(spark_settings.environment())
        applied = feast_edge.apply(settings)
        yield Platform(settings, feast_edge.feature_store(settings), applied)
        stop_redis(spark_settings)


@pytest.fixture
def feast(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A command of Feast's own line, in this process and so on the session's Spark."""
    for name, value in feast_cli.feast_environment(platform.settings).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["-c", str(feast_cli.FEATURE_REPO), *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    return run


KEYS = ["provider_id", "incident_zone_id", "incident_area_id", "service_type"]


def spine_of(*rows: tuple[str, str | None, str]) -> pd.DataFrame:
    """Provider, zone and time; area and service are the same throughout."""
    spine = pd.DataFrame(
        [(provider, zone, "A1", "tow", time) for provider, zone, time in rows],
        columns=[*KEYS, "event_timestamp"],
    )
    spine["event_timestamp"] = pd.to_datetime(spine["event_timestamp"], format="ISO8601", utc=True)
    return spine


SPINE = spine_of(
    ("P1", "Z1", "2026-03-10T19:05:00Z"),
    ("P1", "Z1", "2026-03-10T18:04:59Z"),
    ("P9", "Z9", "2026-03-10T19:05:00Z"),
    ("P2", None, "2026-03-10T18:30:00Z"),
    ("P2", "Z2", "2026-03-10T19:30:00Z"),
    ("P1", "Z1", "2026-03-10T19:05:00Z"),
    ("P1", "Z2", "2026-03-12T18:05:01Z"),
)


def test_applying_twice_registers_each_definition_once(platform: Platform) -> None:
    again = feast_edge.apply(platform.settings)
    assert "Applying changes for project roadside" in again
    views = sorted(view.name for view in platform.store.list_feature_views())
    assert views == sorted(table.short_name for table in FEATURES)
    assert sorted(view.name for view in platform.store.list_on_demand_feature_views()) == sorted(
        view.name for view in ON_DEMAND
    )
    assert sorted(service.name for service in platform.store.list_feature_services()) == [
        "eta_v1",
        "eta_v2",
        "matching_acceptance_v1",
        "matching_ranking_v1",
        "ops_board_v1",
    ]
    assert sorted(e.name for e in platform.store.list_entities() if e.name != "__dummy") == [
        "area",
        "driver",
        "hour_of_week",
        "job",
        "market",
        "program",
        "provider",
        "service",
        "zone",
    ]


def test_feast_starts_spark_with_the_platform_s_own_options(platform: Platform) -> None:
    assert platform.store.config.offline_store.spark_conf == spark_options(platform.settings)


@pytest.fixture(scope="module")
def answered(platform: Platform) -> pd.DataFrame:
    spine = SPINE.assign(rid=list("abcdefg")).set_index(pd.Index([3, 1, 2, 9, 8, 7, 0]))
    return feast_edge.historical_features(platform.store, spine, "eta_v1")


def values(answer: pd.DataFrame, name: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in answer[name]]


def test_a_value_is_joined_from_the_instant_it_could_be_read_until_its_ttl(answered: pd.DataFrame) -> None:
    assert values(answered, OFFERS) == [4, None, None, 7, None, 4, 4]
    assert values(answered, ON_TIME) == [0.75, 0.75, None, None, None, 0.75, 0.75]


def test_the_newest_revision_wins_and_an_unknown_zone_is_null(answered: pd.DataFrame) -> None:
    assert values(answered, REQUESTS) == [5, None, None, None, 9, 5, None]


def test_rows_keep_their_order_index_and_integers(answered: pd.DataFrame) -> None:
    assert answered["rid"].tolist() == list("abcdefg")
    assert answered.index.tolist() == [3, 1, 2, 9, 8, 7, 0]
    names = [f"{view}__{name}" for view, listed in SERVICE_FEATURES.items() for name in listed]
    assert list(answered.columns) == [*SPINE.columns, "rid", *names]
    assert {str(answered[name].dtype) for name in names if name.endswith("_count")} == {"Int64"}


def test_an_empty_spine_answers_with_the_same_columns(platform: Platform, answered: pd.DataFrame) -> None:
    empty = feast_edge.historical_features(platform.store, SPINE.iloc[:0], "eta_v1")
    assert empty.empty
    assert empty.dtypes.drop(SPINE.columns).equals(answered.dtypes.drop([*SPINE.columns, "rid"]))


def test_the_shared_session_is_left_as_it_was(spark: SparkSession, answered: pd.DataFrame) -> None:
    assert spark.conf.get("spark.sql.parser.quotedRegexColumnNames") == "false"
    assert spark.sql("SHOW VIEWS").count() == 0


def test_a_spine_in_sql_gives_the_same_values(
    platform: Platform, spark: SparkSession, answered: pd.DataFrame
) -> None:
    service = platform.store.get_feature_service("eta_v1")
    query = (
        "SELECT 'P1' provider_id, 'Z1' incident_zone_id, 'A1' incident_area_id, 'tow' service_type, "
        "TIMESTAMP '2026-03-10T19:05:00Z' event_timestamp"
    )
    frame = platform.store.get_historical_features(
        entity_df=query, features=service, full_feature_names=True
    ).to_df()
    spark.conf.unset("spark.sql.parser.quotedRegexColumnNames")
    assert frame[[OFFERS, REQUESTS, ON_TIME]].iloc[0].tolist() == [4, 5, 0.75]


def test_feast_s_own_process_materializes(platform: Platform) -> None:
    done = subprocess.run(
        [*feast_cli.feast_command(platform.settings), "materialize", "2026-03-10T17:00:00",
         "2026-03-10T18:05:00", "--views", "provider_activity_15m"],
        env=feast_cli.feast_environment(platform.settings), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert online(platform, "P1", "Z1")[OFFERS] == 3


def test_materializing_on_moves_the_values_and_a_closing_row_reads_null(
    platform: Platform, feast: Callable[..., str]
) -> None:
    for view in ("zone_demand_15m", "provider_performance_1d"):
        feast_edge.materialize(platform.store, view, at(6), at(20))
    feast("materialize-incremental", "2026-03-10T19:05:00", "--views", "provider_activity_15m")
    first = online(platform, "P1", "Z1")
    assert (first[OFFERS], first[REQUESTS], first[ON_TIME]) == (4, 5, 0.75)
    assert online(platform, "P2", "Z2")[OFFERS] is None
    assert online(platform, "P2", "Z2")[REQUESTS] == 9
    assert set(online(platform, "P9", "Z9").values()) == {"P9", "Z9", "A1", "tow", None}


def test_online_and_offline_agree(platform: Platform, answered: pd.DataFrame) -> None:
    offline = answered[answered["rid"] == "a"].iloc[0].drop(["rid", "event_timestamp"])
    assert {name: None if pd.isna(value) else value for name, value in offline.items()} == online(
        platform, "P1", "Z1"
    )


def test_a_feature_comes_with_its_status_and_the_moment_of_its_row(platform: Platform) -> None:
    rows = [keys_of("P1", "Z1"), keys_of("P2", "Z2"), keys_of("P9", "Z9")]
    cells = [
        next(cell for cell in answer if f"{cell.view}__{cell.feature}" == OFFERS)
        for answer in feast_edge.online_cells(platform.store, "eta_v1", rows)
    ]
    assert [(cell.value, cell.status, cell.available_at) for cell in cells] == [
        (4, "PRESENT", at(19, 5)),
        (None, "NULL_VALUE", at(19, 5)),
        (None, "NOT_FOUND", None),
    ]


def test_the_command_line_tells_status_tick_and_freshness(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in platform.settings.environment().items():
        monkeypatch.setenv(name, value)
    keys = [f"{name}={value}" for name, value in keys_of("P1", "Z1").items()]
    assert main(["online", "get", "eta_v1", *keys]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if " offers_60m_count " in text]
    assert line.split() == ["provider_activity_15m", "offers_60m_count", "4", "present", "2026-03-10T19:00Z"]
    with Ops(platform.settings.ops_url).write():  # a home whose ledgers are empty
        pass
    views = ["provider_activity_15m", "zone_supply_15m"]
    asked = ["--layer", "online", *(part for view in views for part in ("--view", view))]
    assert main(["freshness", *asked, "--at", "2026-03-10T19:05Z", "--json"]) == 1
    written, never = json.loads(capsys.readouterr().out)["hops"]
    assert (written["through"], written["state"]) == ("2026-03-10T19:00:00Z", "ok")
    assert (written["live"], written["coverage"]) == (1, 1.0)
    assert (never["through"], never["state"]) == (None, "missing")
    assert main(["freshness", *asked[:4], "--at", "2026-03-10T19:20Z"]) == 1
    assert "  - bronze.dispatch_events, and so online.provider_activity_15m." in capsys.readouterr().out


def test_moments_come_back_in_utc(platform: Platform) -> None:
    read = platform.store.get_online_features(
        features=["provider_activity_15m:tick_at"], entity_rows=[{"provider_id": "P1"}]
    ).to_dict()
    assert read["tick_at"] == [at(19)]


def test_a_materialization_killed_half_way_is_read_past_and_run_again(
    platform: Platform, feast: Callable[..., str]
) -> None:
    feast("feature-views", "set-state", "provider_activity_15m", "materializing")
    reader = feast_edge.feature_store(platform.settings)
    rows = [keys_of("P1", "Z1")]
    assert feast_edge.online_features(reader, "eta_v1", rows)[0][OFFERS] == 4
    feast_edge.materialize(reader, "provider_activity_15m", at(17), at(19, 5))
    assert "AVAILABLE_ONLINE" in feast("feature-views", "list")
    assert feast_edge.online_features(reader, "eta_v1", rows)[0][OFFERS] == 4


def test_feast_lists_views_and_services(feast: Callable[..., str]) -> None:
    assert "zone_demand_15m" in feast("feature-views", "list")
    assert "eta_v1" in feast("feature-services", "list")


def keys_of(provider: str, zone: str) -> dict[str, str]:
    return dict(zip(KEYS, (provider, zone, "A1", "tow"), strict=True))


def online(platform: Platform, provider: str, zone: str) -> dict[str, Any]:
    return feast_edge.online_features(platform.store, "eta_v1", [keys_of(provider, zone)])[0]


def test_names_that_do_not_exist_are_told_with_those_that_do(platform: Platform) -> None:
    with pytest.raises(UnknownName, match="eta_v1"):
        feast_edge.historical_features(platform.store, SPINE, "eta_v9")
    with pytest.raises(UnknownName, match="zone_demand_15m"):
        feast_edge.materialize(platform.store, "zone_demand", at(6), at(7))
    with pytest.raises(UserError, match="a row lacks incident_zone_id"):
        feast_edge.online_features(
            platform.store,
            "eta_v1",
            [{name: "P1" for name in KEYS if name != "incident_zone_id"}],
        )
    naive = SPINE.assign(event_timestamp=SPINE["event_timestamp"].dt.tz_localize(None))
    with pytest.raises(UserError, match="event_timestamp has no time zone"):
        feast_edge.historical_features(platform.store, naive, "eta_v1")


def test_what_is_missing_is_said(platform: Platform, tmp_path: Path) -> None:
    elsewhere = replace(platform.settings, home=tmp_path, registry_url=f"sqlite:///{tmp_path}/registry.db")
    with pytest.raises(InputMissing, match="holds no feature service yet"):
        feast_edge.online_features(feast_edge.feature_store(elsewhere), "eta_v1", [])
    with pytest.raises(SettingError, match="ROADSIDE_REGISTRY_URL"):
        feast_edge.feature_store(replace(platform.settings, registry_url=""))
    with pytest.raises(Unreachable, match="ROADSIDE_REGISTRY_URL"):
        feast_edge.feature_store(replace(platform.settings, registry_url="sqlite:////nowhere/at/all.db"))


def test_redis_stopped_is_said_at_once(platform: Platform) -> None:
    nobody = feast_edge.feature_store(replace(platform.settings, redis="127.0.0.1:1"))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not answer"):
        feast_edge.online_features(nobody, "eta_v1", [keys_of("P1", "Z1")])
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not answer"):
        feast_edge.materialize(nobody, "zone_demand_15m", at(6), at(7))
