"""Everything the environment may say, read once.

No other module reads the environment, save feature_repo/sources.py, which Feast imports by itself and
which finds there what `Settings.environment` gave Feast. `load_settings` is called in `main()`; what
it returns is frozen, picklable and passed down. Every variable is declared in `VARIABLES`, from which
`roadside env check` and the documentation are made.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from validation.errors import SettingError
from validation.sources import SOURCES

PROJECT = Path(__file__).resolve().parents[1]
EMBEDDED = "embedded"
AWS = "aws"
SNOWFLAKE = "snowflake"
STOCK = "stock"
UNSTARTED_REDIS = "127.0.0.1:0"
TICK_MINUTES = 15


@dataclass(frozen=True)
class Variable:
    """One environment variable: what it holds, what it means, what it is when unset."""

    name: str
    type: str
    meaning: str
    default: str = ""
    required_when: str = ""


VARIABLES: tuple[Variable, ...] = (
    Variable("ROADSIDE_HOME", "folder", "Everything the embedded profile keeps.", "./.roadside"),
    Variable("ROADSIDE_PROFILE", "embedded | aws", "Where the platform runs.", EMBEDDED),
    Variable(
        "ROADSIDE_LANDING_URI",
        "file:// or s3:// URI",
        "Root of the landed objects; their keys start with landing/.",
        "file://<home>",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_WAREHOUSE_URI",
        "file:// or s3:// URI",
        "Root of the Iceberg tables.",
        "file://<home>/warehouse",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_CATALOG",
        "sqlite | glue",
        "Catalog of the Iceberg tables; sqlite is <home>/catalog.db.",
        "sqlite when embedded, glue when aws",
    ),
    Variable(
        "ROADSIDE_OPS_URL",
        "SQLAlchemy URL",
        "Landing ledger, runs, releases, leases.",
        "sqlite:///<home>/ops.db",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_VAULT_URL",
        "SQLAlchemy URL",
        "Subject keys and salts; a database of its own.",
        "sqlite:///<home>/vault.db",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_REGISTRY_URL",
        "SQLAlchemy URL",
        "Feast's SQL registry.",
        "sqlite:///<home>/registry.db",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_REDIS",
        "host:port[,option=value...]",
        "Redis of the online store, in Feast's connection-string form.",
        "a private Redis under <home>/redis",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable(
        "ROADSIDE_ONLINE_CLOCK",
        "wall | data",
        "Against what the age of an online value is measured: the wall's clock, or the newest moment "
        "through which a view is written, so that a simulated or replayed past is served.",
        "data when embedded, wall when aws",
    ),
    Variable(
        "ROADSIDE_FEAST_STORES",
        "lake | snowflake | stock",
        "Whose stores Feast works with: ours over the lake's tables, Snowflake over the same tables there, "
        "or Feast's own Spark and Redis stores over the lake's tables.",
        "lake",
    ),
    Variable(
        "ROADSIDE_SNOWFLAKE_CONNECTION",
        "name",
        "Section of Snowflake's connections.toml: account, user, key, role, warehouse.",
        required_when="ROADSIDE_FEAST_STORES=snowflake",
    ),
    Variable(
        "ROADSIDE_SNOWFLAKE_DATABASE",
        "name",
        "Database that is published to and read from, as Snowflake spells it: datasets in its schema ML, "
        "features tables in its schema features under the names of the lake, in small letters.",
        required_when="ROADSIDE_FEAST_STORES=snowflake",
    ),
    Variable("ROADSIDE_PUBLISH_URI", "s3:// URI", "Where `roadside publish` puts Parquet files.", "nowhere"),
    Variable(
        "ROADSIDE_PLATFORM_KEY_FILE",
        "file",
        "Key that wraps the subject keys; made on first use when embedded.",
        "<home>/platform.key",
        "ROADSIDE_PROFILE=aws",
    ),
    Variable("ROADSIDE_JARS_DIR", "folder", "Spark's extra jars (Iceberg, SQLite).", "<project>/.tools/jars"),
    Variable("ROADSIDE_SPARK_CORES", "whole number from 1", "Cores of local Spark.", "2"),
    Variable("ROADSIDE_SPARK_MEMORY", "size such as 2g or 1500m", "Memory of local Spark.", "2g"),
    Variable("ROADSIDE_SHUFFLE_PARTITIONS", "whole number from 1", "Partitions of a shuffle.", "4"),
    Variable(
        "ROADSIDE_SPARK_COMPILES",
        "true | false",
        "Whether Spark compiles its plans to Java; for some thousand rows a step, compiling takes longer.",
        "true",
    ),
    Variable("ROADSIDE_STEPS_AT_ONCE", "whole number from 1", "Steps that run side by side.", "3"),
    Variable(
        "ROADSIDE_HEARTBEAT_MINUTES",
        "source=minutes[,source=minutes...]",
        "Minutes in which a source sends an object, empty or not, where it is polled more slowly than its "
        "contract says; a tick that lacks one is held. Features made under another value are made again.",
        "each source's own (5)",
    ),
    Variable("ROADSIDE_PRINCIPAL", "name", "Who acts, wherever that is kept.", "the operating system's user"),
    Variable("ROADSIDE_LOG", "file | stderr | off", "Where runs are logged; file: <home>/logs.", "file"),
    Variable("ROADSIDE_LINEAGE", "file | http(s):// URL", "Where OpenLineage is told of runs.", "nowhere"),
    Variable("ROADSIDE_AWS_REGION", "region", "Region of S3 and Glue.", "us-east-1"),
    Variable(
        "ROADSIDE_S3_ENDPOINT", "http(s):// URL", "Another S3 endpoint, addressed by path.", "AWS's own"
    ),
    Variable("ROADSIDE_GLUE_ENDPOINT", "http(s):// URL", "Another Glue endpoint.", "AWS's own"),
)


@dataclass(frozen=True, repr=False)
class Settings:
    """What the environment said, checked and made absolute.

    Holds paths, addresses and sizes; a password can only stand inside a URL or a Redis option,
    and `repr` masks it. Picklable.
    """

    home: Path
    profile: Literal["embedded", "aws"]
    landing_uri: str
    warehouse_uri: str
    catalog: Literal["sqlite", "glue"]
    ops_url: str
    vault_url: str
    registry_url: str
    redis: str | None
    online_clock: Literal["wall", "data"]
    feast_stores: Literal["lake", "snowflake", "stock"]
    snowflake_connection: str | None
    snowflake_database: str | None
    publish_uri: str | None
    platform_key_file: Path
    jars_dir: Path
    spark_cores: int
    spark_memory: str
    shuffle_partitions: int
    spark_compiles: Literal["true", "false"]
    steps_at_once: int
    heartbeat_minutes: str
    principal: str
    log: str
    lineage: str | None
    aws_region: str
    s3_endpoint: str | None
    glue_endpoint: str | None

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={self._shown(field.name)}" for field in fields(self))
        return f"Settings({shown})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return repr(masked(str(value))) if isinstance(value, str | Path) else repr(value)

    @property
    def is_embedded(self) -> bool:
        """Whether everything runs on this machine, under `home`."""
        return self.profile == EMBEDDED

    @property
    def heartbeats(self) -> dict[str, timedelta]:
        """Heartbeats other than those the sources declare, by source."""
        pairs = (pair.split("=") for pair in self.heartbeat_minutes.split(",") if pair)
        return {source: timedelta(minutes=int(minutes)) for source, minutes in pairs}

    @property
    def catalog_path(self) -> Path:
        """The SQLite file of the embedded Iceberg catalog."""
        return self.home / "catalog.db"

    @property
    def truth_dir(self) -> Path:
        """Where the simulation keeps its ground truth."""
        return self.home / "truth"

    @property
    def datasets_dir(self) -> Path:
        """Where training datasets are written as files."""
        return self.home / "datasets"

    @property
    def redis_dir(self) -> Path:
        """Data, log and address of the private Redis."""
        return self.home / "redis"

    @property
    def redis_address_file(self) -> Path:
        """Holds `host:port` of the private Redis, once it was started."""
        return self.redis_dir / "address"

    @property
    def redis_connection(self) -> str:
        """Feast's connection string; port 0 while the private Redis was never started."""
        if self.redis is not None:
            return self.redis
        try:
            return self.redis_address_file.read_text().strip()
        except FileNotFoundError:
            return UNSTARTED_REDIS

    def environment(self) -> dict[str, str]:
        """Every variable of `VARIABLES` as text, always all of them; empty where nothing is set.

        Given to Feast, whose feature_store.yaml interpolates `${ROADSIDE_REGISTRY_URL}` and leaves
        an unset variable literal. ROADSIDE_REDIS is the private Redis's address once it was started,
        and 127.0.0.1:0 before, which `load_settings` reads as unset.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["redis"] = self.redis_connection
        return {
            variable.name: "" if values[_field(variable)] is None else str(values[_field(variable)])
            for variable in VARIABLES
        }


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment; of this process when none is given.

    An empty variable counts as unset. Relative paths are taken from the working directory.

    Raises:
        SettingError: one or more variables are absent, malformed or contradict each other; the
            message names every one of them.
    """
    return _Reader(os.environ if environ is None else environ).settings()


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables named ROADSIDE_... that nothing reads, each with the nearest one that is read."""
    known = [variable.name for variable in VARIABLES]
    strangers = sorted(name for name in environ if name.startswith("ROADSIDE_") and name not in known)
    return {name: next(iter(get_close_matches(name, known, n=1)), "") for name in strangers}


def masked(text: str) -> str:
    """A URL or connection string without its passwords.

    >>> masked("postgresql://ops:hunter2@db:5432/ops")
    'postgresql://ops:***@db:5432/ops'
    >>> masked("cache:6379,ssl=true,password=hunter2")
    'cache:6379,ssl=true,password=***'
    """
    text = re.sub(r"(://[^/:@]*):.*@", r"\1:***@", text)
    return re.sub(r"(?i)((?:password|secret|secret_key|token)=)[^,&;]*", r"\1***", text)


def _field(variable: Variable) -> str:
    return variable.name.removeprefix("ROADSIDE_").lower()


class _Reader:
    """Reads one environment and collects every problem before raising."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.given = {name: value.strip() for name, value in environ.items() if value.strip()}
        self.problems: list[str] = []

    def settings(self) -> Settings:
        home = Path(self.given.get("ROADSIDE_HOME", ".roadside")).expanduser().absolute()
        profile = self.choice("ROADSIDE_PROFILE", EMBEDDED, (EMBEDDED, AWS))
        feast_stores = self.choice("ROADSIDE_FEAST_STORES", "lake", ("lake", SNOWFLAKE, STOCK))
        self.require_all(f"ROADSIDE_PROFILE={profile}", f"ROADSIDE_FEAST_STORES={feast_stores}")
        catalog = self.choice("ROADSIDE_CATALOG", "glue" if profile == AWS else "sqlite", ("sqlite", "glue"))
        region = self.given.get("ROADSIDE_AWS_REGION", "us-east-1")
        s3_endpoint = self.endpoint("ROADSIDE_S3_ENDPOINT")
        settings = Settings(
            home=home,
            profile=cast(Literal["embedded", "aws"], profile),
            landing_uri=_with_s3_options(
                self.uri("ROADSIDE_LANDING_URI", home.as_uri()), region, s3_endpoint
            ),
            warehouse_uri=self.uri("ROADSIDE_WAREHOUSE_URI", (home / "warehouse").as_uri()),
            catalog=cast(Literal["sqlite", "glue"], catalog),
            ops_url=self.database("ROADSIDE_OPS_URL", home / "ops.db"),
            vault_url=self.database("ROADSIDE_VAULT_URL", home / "vault.db"),
            registry_url=self.database("ROADSIDE_REGISTRY_URL", home / "registry.db"),
            redis=self.redis(),
            online_clock=cast(
                Literal["wall", "data"],
                self.choice("ROADSIDE_ONLINE_CLOCK", "wall" if profile == AWS else "data", ("wall", "data")),
            ),
            feast_stores=cast(Literal["lake", "snowflake", "stock"], feast_stores),
            snowflake_connection=self.given.get("ROADSIDE_SNOWFLAKE_CONNECTION"),
            snowflake_database=self.given.get("ROADSIDE_SNOWFLAKE_DATABASE"),
            publish_uri=self.bucket("ROADSIDE_PUBLISH_URI"),
            platform_key_file=self.path("ROADSIDE_PLATFORM_KEY_FILE", home / "platform.key"),
            jars_dir=self.path("ROADSIDE_JARS_DIR", PROJECT / ".tools" / "jars"),
            spark_cores=self.count("ROADSIDE_SPARK_CORES", 2),
            spark_memory=self.memory("ROADSIDE_SPARK_MEMORY", "2g"),
            shuffle_partitions=self.count("ROADSIDE_SHUFFLE_PARTITIONS", 4),
            spark_compiles=cast(
                Literal["true", "false"], self.choice("ROADSIDE_SPARK_COMPILES", "true", ("true", "false"))
            ),
            steps_at_once=self.count("ROADSIDE_STEPS_AT_ONCE", 3),
            heartbeat_minutes=self.heartbeat_minutes(),
            principal=self.given.get("ROADSIDE_PRINCIPAL") or _user(),
            log=self.choice("ROADSIDE_LOG", "file", ("file", "stderr", "off")),
            lineage=self.lineage(),
            aws_region=region,
            s3_endpoint=s3_endpoint,
            glue_endpoint=self.endpoint("ROADSIDE_GLUE_ENDPOINT"),
        )
        self.problems.extend(_contradictions(settings))
        if self.problems:
            raise SettingError(
                f"{len(self.problems)} of the settings cannot be used:\n- " + "\n- ".join(self.problems),
                "Set them in the environment; `roadside env check` lists every variable.",
            )
        return settings

    def require_all(self, *chosen: str) -> None:
        for variable in VARIABLES:
            if variable.required_when in chosen and variable.name not in self.given:
                self.problems.append(f"{variable.name} is not set; {variable.required_when} needs it.")

    def complain(self, name: str, expected: str) -> None:
        self.problems.append(f"{name} is '{masked(self.given[name])}'; it must be {expected}.")

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.given.get(name, default)
        if value not in choices:
            self.complain(name, " or ".join(choices))
            return default
        return value

    def uri(self, name: str, default: str) -> str:
        value = self.given.get(name, default).rstrip("/")
        parts = urlsplit(value)
        is_whole = (parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc) or (
            parts.scheme == "s3" and bool(parts.netloc)
        )
        if not is_whole:
            self.complain(name, "file:///absolute/folder or s3://bucket/prefix")
            return default
        return value

    def bucket(self, name: str) -> str | None:
        value = self.given.get(name, "").rstrip("/")
        if value and not re.fullmatch(r"s3://[^/?#]+(/[^?#]+)?", value):
            self.complain(name, "s3://bucket/prefix")
        return value or None

    def database(self, name: str, default: Path) -> str:
        value = self.given.get(name)
        if value is None:
            return f"sqlite:///{default}"
        if not re.fullmatch(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?://.+", value):
            self.complain(name, "a SQLAlchemy URL such as sqlite:////folder/ops.db or postgresql://...")
        elif re.fullmatch(r"sqlite:///[^/].*", value) and ":memory:" not in value:
            return f"sqlite:///{Path(value.removeprefix('sqlite:///')).absolute()}"
        elif value.startswith("sqlite") and (":memory:" in value or value == "sqlite://"):
            self.complain(name, "a database that other processes see, not one in memory")
        return value

    def path(self, name: str, default: Path) -> Path:
        return Path(self.given.get(name, default)).expanduser().absolute()

    def count(self, name: str, default: int) -> int:
        value = self.given.get(name, str(default))
        if not re.fullmatch(r"[1-9][0-9]{0,5}", value):
            self.complain(name, "a whole number from 1")
            return default
        return int(value)

    def heartbeat_minutes(self) -> str:
        """The pairs as given, without blanks, in order of source."""
        name = "ROADSIDE_HEARTBEAT_MINUTES"
        pairs = [pair.strip() for pair in self.given.get(name, "").split(",") if pair.strip()]
        known = {source.name for source in SOURCES}
        minutes: dict[str, int] = {}
        for pair in pairs:
            source, _, number = (part.strip() for part in pair.partition("="))
            if source not in known or not re.fullmatch(r"[1-9][0-9]{0,4}", number) or source in minutes:
                self.complain(
                    name, f"source=minutes,... with sources of {', '.join(sorted(known))}, each once"
                )
                return ""
            minutes[source] = int(number)
            if minutes[source] < TICK_MINUTES and TICK_MINUTES % minutes[source]:
                self.complain(name, "minutes that divide 15 (1, 3, 5, 15) or are more")
                return ""
        return ",".join(f"{source}={minutes[source]}" for source in sorted(minutes))

    def memory(self, name: str, default: str) -> str:
        value = self.given.get(name, default).lower()
        if not re.fullmatch(r"[1-9][0-9]*[mg]", value):
            self.complain(name, "a size such as 2g or 1500m")
        return value

    def endpoint(self, name: str) -> str | None:
        value = self.given.get(name)
        if value is not None and not (re.match(r"https?://", value) and urlsplit(value).netloc):
            self.complain(name, "a URL such as http://127.0.0.1:5000")
            return None
        return value

    def lineage(self) -> str | None:
        name = "ROADSIDE_LINEAGE"
        is_file = name in self.given and "://" not in self.given[name]
        return str(self.path(name, PROJECT)) if is_file else self.endpoint(name)

    def redis(self) -> str | None:
        value = self.given.get("ROADSIDE_REDIS")
        if value is not None and not re.fullmatch(r"[\w.-]+:[0-9]{1,5}(,[\w.-]+[:=][^,]*)*", value):
            self.complain("ROADSIDE_REDIS", "host:port, with options after commas")
        return None if value == UNSTARTED_REDIS else value


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.catalog == "glue" and settings.warehouse_uri.startswith("file:"):
        yield "ROADSIDE_CATALOG is glue but ROADSIDE_WAREHOUSE_URI is a local folder; name an s3:// prefix."
    if settings.profile == AWS and settings.catalog == "sqlite":
        yield "ROADSIDE_CATALOG is sqlite but ROADSIDE_PROFILE is aws; only glue is seen by every machine."
    if settings.profile == EMBEDDED and settings.feast_stores == SNOWFLAKE:
        yield (
            "ROADSIDE_FEAST_STORES is snowflake but ROADSIDE_PROFILE is embedded; Snowflake holds what the "
            "platform on AWS publishes."
        )
    if settings.profile == AWS and settings.feast_stores == STOCK:
        yield (
            "ROADSIDE_FEAST_STORES is stock but ROADSIDE_PROFILE is aws; feature_store.stock.yaml describes "
            "the embedded platform."
        )
    if len({settings.ops_url, settings.vault_url, settings.registry_url}) < 3:
        yield (
            "ROADSIDE_OPS_URL, ROADSIDE_VAULT_URL and ROADSIDE_REGISTRY_URL name one database twice; "
            "each needs its own, so that access to the keys can be granted apart."
        )


def _with_s3_options(uri: str, region: str, endpoint: str | None) -> str:
    """The URI with the query that pyarrow's S3 file system reads; other URIs unchanged."""
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        return uri
    options = {"region": region}
    if endpoint is not None:
        options |= {"endpoint_override": urlsplit(endpoint).netloc, "scheme": urlsplit(endpoint).scheme}
    return urlunsplit(parts._replace(query=urlencode(options | dict(parse_qsl(parts.query)))))


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
