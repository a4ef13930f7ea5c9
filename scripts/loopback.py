"""Runs a command beside servers on loopback that speak Snowflake's and S3's protocols, empty at first.

    .venv/bin/python scripts/loopback.py roadside publish --all

They are fakesnow and moto, to try `roadside publish` without an account; the settings alone point at
them, and what they hold ends with the command. Without a command, a shell.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import boto3
import fakesnow
import snowflake.connector
import tomlkit
from moto.server import ThreadedMotoServer

BUCKET = "published"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "loopback", "AWS_SECRET_ACCESS_KEY": "loopback"}


@contextmanager
def snowflake_here() -> Iterator[dict[str, str]]:
    """The settings of a server with the database LAKE, its schemas ML and features."""
    with fakesnow.server() as connection:
        with snowflake.connector.connect(**connection) as opened:
            for name in ("DATABASE LAKE", "SCHEMA LAKE.ML", 'SCHEMA LAKE."features"'):
                opened.cursor().execute(f"CREATE {name}")
        yield {
            "SNOWFLAKE_CONNECTIONS": tomlkit.dumps({"loopback": connection}),
            "ROADSIDE_SNOWFLAKE_CONNECTION": "loopback",
            "ROADSIDE_SNOWFLAKE_DATABASE": "LAKE",
        }


@contextmanager
def bucket_here() -> Iterator[dict[str, str]]:
    """The settings of a server with a bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    session = boto3.Session("loopback", "loopback", region_name="us-east-1")
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET)
    try:
        yield {
            "ROADSIDE_PUBLISH_URI": f"s3://{BUCKET}",
            "ROADSIDE_S3_ENDPOINT": endpoint,
            **CREDENTIALS,
        }
    finally:
        server.stop()


def main(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command's exit code."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")  # fakesnow's
    asked = list(command) or [environment.get("SHELL", "sh")]
    with snowflake_here() as snowflake_settings, bucket_here() as bucket_settings:
        return subprocess.run(
            asked, env={**environment, **snowflake_settings, **bucket_settings}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
