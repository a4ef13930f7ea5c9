import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.settings import VARIABLES, load_settings, masked, unknown_variables
from validation.errors import SettingError

AWS = {
    "ROADSIDE_PROFILE": "aws",
    "ROADSIDE_LANDING_URI": "s3://city-landing",
    "ROADSIDE_WAREHOUSE_URI": "s3://city-lake/warehouse",
    "ROADSIDE_OPS_URL": "postgresql://ops:hunter2@db:5432/ops",
    "ROADSIDE_VAULT_URL": "postgresql://vault:hunter2@db:5432/vault",
    "ROADSIDE_REGISTRY_URL": "postgresql://feast:hunter2@db:5432/feast",
    "ROADSIDE_REDIS": "cache:6379,ssl=true,username=roadside,password=hunter2",
    "ROADSIDE_PLATFORM_KEY_FILE": "/run/keys/platform.key",
}


def test_an_empty_environment_is_a_working_embedded_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({})
    home = tmp_path / ".roadside"
    assert (settings.home, settings.profile, settings.catalog) == (home, "embedded", "sqlite")
    assert settings.landing_uri == home.as_uri()
    assert settings.warehouse_uri == (home / "warehouse").as_uri()
    assert settings.ops_url == f"sqlite:///{home}/ops.db"
    assert settings.platform_key_file == home / "platform.key"
    assert (settings.spark_cores, settings.spark_memory, settings.shuffle_partitions) == (2, "2g", 4)
    assert settings.redis is None
    assert settings.principal


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert load_settings({"ROADSIDE_HOME": str(tmp_path), "ROADSIDE_SPARK_CORES": " "}).spark_cores == 2


def test_every_problem_is_named_in_one_error() -> None:
    with pytest.raises(SettingError) as refused:
        load_settings(
            {
                "ROADSIDE_PROFILE": "moon",
                "ROADSIDE_LANDING_URI": "landing",
                "ROADSIDE_OPS_URL": "ops.db",
                "ROADSIDE_REDIS": "localhost",
                "ROADSIDE_SPARK_CORES": "0",
                "ROADSIDE_SPARK_MEMORY": "lots",
                "ROADSIDE_S3_ENDPOINT": "localhost:5000",
                "ROADSIDE_PUBLISH_URI": "file:///published",
            }
        )
    named = [line.split()[1] for line in str(refused.value).splitlines() if line.startswith("- ")]
    assert sorted(named) == [
        "ROADSIDE_LANDING_URI",
        "ROADSIDE_OPS_URL",
        "ROADSIDE_PROFILE",
        "ROADSIDE_PUBLISH_URI",
        "ROADSIDE_REDIS",
        "ROADSIDE_S3_ENDPOINT",
        "ROADSIDE_SPARK_CORES",
        "ROADSIDE_SPARK_MEMORY",
    ]


def test_aws_names_every_variable_it_lacks() -> None:
    with pytest.raises(SettingError) as refused:
        load_settings({"ROADSIDE_PROFILE": "aws"})
    required = [each.name for each in VARIABLES if each.required_when == "ROADSIDE_PROFILE=aws"]
    assert len(required) == 7
    assert all(f"{name} is not set" in str(refused.value) for name in required)


def test_aws_with_everything_set_uses_glue() -> None:
    settings = load_settings(AWS)
    assert settings.catalog == "glue"
    assert settings.landing_uri == "s3://city-landing?region=us-east-1"


def test_snowflake_names_what_it_lacks_and_needs_the_platform_on_aws() -> None:
    with pytest.raises(SettingError) as refused:
        load_settings({"ROADSIDE_FEAST_STORES": "snowflake"})
    for told in (
        "ROADSIDE_SNOWFLAKE_CONNECTION is not set; ROADSIDE_FEAST_STORES=snowflake needs it.",
        "ROADSIDE_SNOWFLAKE_DATABASE is not set; ROADSIDE_FEAST_STORES=snowflake needs it.",
        "ROADSIDE_FEAST_STORES is snowflake but ROADSIDE_PROFILE is embedded",
    ):
        assert told in str(refused.value)


def test_an_s3_endpoint_reaches_the_landing_uri() -> None:
    settings = load_settings(AWS | {"ROADSIDE_S3_ENDPOINT": "http://127.0.0.1:5000"})
    assert "endpoint_override=127.0.0.1%3A5000&scheme=http" in settings.landing_uri


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"ROADSIDE_CATALOG": "glue"}, "ROADSIDE_WAREHOUSE_URI"),
        (AWS | {"ROADSIDE_CATALOG": "sqlite"}, "ROADSIDE_CATALOG"),
        (AWS | {"ROADSIDE_VAULT_URL": AWS["ROADSIDE_OPS_URL"]}, "ROADSIDE_VAULT_URL"),
        ({"ROADSIDE_OPS_URL": "sqlite:///:memory:"}, "ROADSIDE_OPS_URL"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingError, match=name):
        load_settings(environ)


def test_no_password_is_shown() -> None:
    settings = load_settings(AWS)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)
    with pytest.raises(SettingError) as refused:
        load_settings(AWS | {"ROADSIDE_OPS_URL": "POSTGRES://ops:hunter2@db"})
    assert "hunter2" not in str(refused.value)
    assert (
        masked("postgresql://ops:p@ss@db/ops?password=x&a=1")
        == "postgresql://ops:***@db/ops?password=***&a=1"
    )


def test_settings_survive_pickling_and_their_own_environment(tmp_path: Path) -> None:
    settings = load_settings(AWS | {"ROADSIDE_HOME": str(tmp_path)})
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert load_settings(settings.environment()) == settings


def test_the_environment_for_feast_always_sets_every_variable(tmp_path: Path) -> None:
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    environment = settings.environment()
    assert set(environment) == {variable.name for variable in VARIABLES}
    assert environment["ROADSIDE_REGISTRY_URL"] == f"sqlite:///{tmp_path}/registry.db"
    assert environment["ROADSIDE_REDIS"] == "127.0.0.1:0"
    settings.redis_dir.mkdir()
    settings.redis_address_file.write_text("127.0.0.1:6390\n")
    assert settings.environment()["ROADSIDE_REDIS"] == "127.0.0.1:6390"


def test_heartbeats_are_read_by_source(tmp_path: Path) -> None:
    given = {
        "ROADSIDE_HOME": str(tmp_path),
        "ROADSIDE_HEARTBEAT_MINUTES": "traffic_speeds=30, dispatch_events=60",
    }
    settings = load_settings(given)
    assert settings.heartbeat_minutes == "dispatch_events=60,traffic_speeds=30"
    assert settings.heartbeats["dispatch_events"] == timedelta(hours=1)
    assert load_settings(settings.environment()) == settings
    assert load_settings({}).heartbeats == {}


@pytest.mark.parametrize(
    "given", ["dispatch=60", "gps_pings", "gps_pings=0", "gps_pings=7", "gps_pings=5,gps_pings=15"]
)
def test_a_heartbeat_of_no_source_or_length_is_refused(given: str) -> None:
    with pytest.raises(SettingError, match="ROADSIDE_HEARTBEAT_MINUTES is "):
        load_settings({"ROADSIDE_HEARTBEAT_MINUTES": given})


def test_a_misspelt_variable_is_found_with_the_one_meant() -> None:
    assert unknown_variables({"ROADSIDE_LANDNG_URI": "x", "HOME": "/"}) == {
        "ROADSIDE_LANDNG_URI": "ROADSIDE_LANDING_URI"
    }
