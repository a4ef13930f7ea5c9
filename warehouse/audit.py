"""What was published when: a row per publication, kept beside the datasets in Snowflake.

`ML._PUBLICATIONS` is appended to and never edited; a table holds what its row with the greatest
number says, for both change in one transaction. `ML._PUBLICATION_LOCKS` has a row per table that was
ever published: whoever changes it first publishes, any other waits for the end of that transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from validation.clocks import require_utc
from validation.errors import Defect
from warehouse.batches import Batch
from warehouse.connection import Session
from warehouse.places import DATASETS, Place, quoted

PUBLICATIONS = "_PUBLICATIONS"
LOCKS = "_PUBLICATION_LOCKS"
_COLUMNS = """
  "TABLE_NAME" VARCHAR NOT NULL COMMENT 'Schema and name of the table.',
  "PUBLICATION_NUMBER" NUMBER(19,0) NOT NULL COMMENT 'From 1 for each table; the greatest is what it holds.',
  "BATCH_ID" VARCHAR NOT NULL COMMENT 'Of table and digest: the same rows have the same id.',
  "DIGEST" VARCHAR NOT NULL COMMENT 'Of the rows; of a dataset, its manifest has it.',
  "ROW_COUNT" NUMBER(19,0) NOT NULL COMMENT 'Rows of the table.',
  "RELEASE" VARCHAR NOT NULL COMMENT 'Days of a dataset, or the tick that was published.',
  "SNAPSHOT_ID" NUMBER(19,0) COMMENT 'State of the table of the lake; null of a dataset.',
  "COLUMNS_DIGEST" VARCHAR NOT NULL COMMENT 'Of the contract: names, types, where null is allowed.',
  "PUBLISHED_AT" TIMESTAMP_TZ(6) NOT NULL,
  "PUBLISHED_BY" VARCHAR NOT NULL
"""


@dataclass(frozen=True)
class Publication:
    """What a table holds since it was last published."""

    number: int
    digest: str
    rows: int
    release: str
    snapshot_id: int | None
    columns_digest: str


@dataclass(frozen=True)
class Issued:
    """One publication of a table, as a row of the audit: what it was called, and when it stood."""

    release: str
    snapshot_id: int | None
    published_at: datetime


class Audit:
    """The publications of one database."""

    def __init__(self, session: Session, database: str) -> None:
        self._session = session
        schema = f"{quoted(database)}.{quoted(DATASETS)}"
        self._publications = f"{schema}.{quoted(PUBLICATIONS)}"
        self._locks = f"{schema}.{quoted(LOCKS)}"

    def create(self) -> None:
        """Make the tables that are not there; the publications last, so that where they are, both are."""
        self._session.run(
            f'CREATE TABLE IF NOT EXISTS {self._locks} ("TABLE_NAME" VARCHAR, "BATCH_ID" VARCHAR)'
        )
        self._session.run(
            f"CREATE TABLE IF NOT EXISTS {self._publications} ({_COLUMNS}) "
            "COMMENT = 'One row per publication of a table of ML or features.'"
        )

    def newest(self, place: Place) -> Publication | None:
        """What the table holds; None if it was never published. The tables must be there."""
        found = self._session.run(
            f'SELECT "PUBLICATION_NUMBER", "DIGEST", "ROW_COUNT", "RELEASE", "SNAPSHOT_ID", '
            f'"COLUMNS_DIGEST" FROM {self._publications} WHERE "TABLE_NAME" = %s ORDER BY 1 DESC LIMIT 1',
            [table_name(place)],
        )
        if not found:
            return None
        number, digest, rows, release, snapshot_id, columns = found[0]
        snapshot_id = None if snapshot_id is None else int(snapshot_id)
        return Publication(int(number), digest, int(rows), release, snapshot_id, columns)

    def issued(self, place: Place) -> list[Issued]:
        """Every publication of the table, the first one first. The tables must be there."""
        found = self._session.run(
            f'SELECT "RELEASE", "SNAPSHOT_ID", "PUBLISHED_AT" FROM {self._publications} '
            'WHERE "TABLE_NAME" = %s ORDER BY "PUBLICATION_NUMBER"',
            [table_name(place)],
        )
        return [
            Issued(release, None if snapshot_id is None else int(snapshot_id), at.astimezone(UTC))
            for release, snapshot_id, at in found
        ]

    def prepare(self, place: Place) -> None:
        """Make the row that publishers of the table wait for."""
        self._session.run(
            f"MERGE INTO {self._locks} AS held USING (SELECT %s AS name) AS asked "
            'ON held."TABLE_NAME" = asked.name '
            'WHEN NOT MATCHED THEN INSERT ("TABLE_NAME") VALUES (asked.name)',
            [table_name(place)],
        )

    def hold(self, place: Place, batch: Batch) -> None:
        """Wait until no other publishes the table, and let none go on before this transaction ends.

        Raises:
            Defect: the row to wait for is gone.
        """
        held = self._session.run(
            f'UPDATE {self._locks} SET "BATCH_ID" = %s WHERE "TABLE_NAME" = %s',
            [batch_id(place, batch.digest), table_name(place)],
        )
        if not int(held[0][0]):
            raise Defect(f"{place}: its row in {LOCKS} is gone.", "Run the same command again.")

    def add(self, place: Place, batch: Batch, number: int, now: datetime, principal: str) -> None:
        """The publication's row."""
        self._session.run(
            f'INSERT INTO {self._publications} ("TABLE_NAME", "PUBLICATION_NUMBER", "BATCH_ID", "DIGEST", '
            '"ROW_COUNT", "RELEASE", "SNAPSHOT_ID", "COLUMNS_DIGEST", "PUBLISHED_AT", "PUBLISHED_BY") '
            "SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s::TIMESTAMP_TZ(6), %s",
            [
                table_name(place),
                number,
                batch_id(place, batch.digest),
                batch.digest,
                batch.rows,
                batch.release,
                batch.snapshot_id,
                place.columns_digest,
                require_utc(now, "now").isoformat(),
                principal,
            ],
        )


def batch_id(place: Place, digest: str) -> str:
    """Sixteen letters for these rows in this table."""
    return hashlib.sha256(f"{table_name(place)} {digest}".encode()).hexdigest()[:16]


def table_name(place: Place) -> str:
    """The table's name in the audit: `ML.ETA_V1`, `features.zone_demand_15m`."""
    return f"{place.schema}.{place.name}"
