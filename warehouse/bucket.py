"""The one module that talks to S3 by its own API: what lies under a prefix, and what is put there.

Where it is: ROADSIDE_PUBLISH_URI; ROADSIDE_AWS_REGION and ROADSIDE_S3_ENDPOINT as for all of S3.
Credentials are found as boto3 finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from lakehouse.settings import Settings
from validation.errors import (
    Busy,
    Defect,
    InputMissing,
    PermissionRefused,
    RoadsideError,
    SettingError,
    Unreachable,
)

_REMOVED_AT_ONCE = 1000
_REFUSED = {"AccessDenied", "403", "AllAccessDisabled"}
_UNKNOWN_CALLER = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404"}


@dataclass(frozen=True)
class Listed:
    """An object's bytes, and when it was put there."""

    size: int
    put_at: datetime


@dataclass(frozen=True)
class Content:
    """An object's bytes, and the mark of this state of it."""

    content: bytes
    etag: str


class Bucket:
    """Objects under ROADSIDE_PUBLISH_URI; names are relative to it.

    Raises, in every method:
        SettingError: credentials are lacking or not accepted.
        InputMissing: there is no such bucket.
        PermissionRefused: the caller may not.
        Unreachable: S3 does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.publish_uri is None:
            raise SettingError(
                "ROADSIDE_PUBLISH_URI is not set; publishing to S3 needs it.", "Name s3://bucket/prefix."
            )
        self.uri = settings.publish_uri
        parts = urlsplit(self.uri)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._client = _client(settings)

    def listing(self, folder: str) -> dict[str, Listed]:
        """Each object under the folder, by its name in there."""
        found: dict[str, Listed] = {}
        start = self._key(f"{folder}/")
        pages = self._client.get_paginator("list_objects_v2")
        with self._answering():
            for page in pages.paginate(Bucket=self._bucket, Prefix=start):
                for each in page.get("Contents", ()):
                    name = str(each["Key"]).removeprefix(start)
                    found[name] = Listed(int(each["Size"]), each["LastModified"])
        return found

    def read(self, name: str) -> Content | None:
        """The object; None if there is none."""
        try:
            with self._answering():
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
                return Content(answer["Body"].read(), answer["ETag"])
        except _NoSuchObject:
            return None

    def send(self, path: Path, name: str) -> None:
        """A file, whole or not at all; large ones in parts."""
        with self._answering():
            self._client.upload_file(str(path), self._bucket, self._key(name))

    def write(self, name: str, content: bytes) -> None:
        """A small object."""
        self._put(name, content, {})

    def replace(self, name: str, content: bytes, standing: Content | None) -> None:
        """A small object in the place of the one that was read, or of none.

        Raises:
            Busy: it was replaced meanwhile.
        """
        self._put(name, content, {"IfMatch": standing.etag} if standing else {"IfNoneMatch": "*"})

    def remove(self, names: Sequence[str]) -> None:
        """Those objects; what is not there counts as removed."""
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            keys = [{"Key": self._key(name)} for name in names[start : start + _REMOVED_AT_ONCE]]
            with self._answering():
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})

    def _put(self, name: str, content: bytes, condition: dict[str, str]) -> None:
        kind = "application/json" if name.endswith(".json") else "application/octet-stream"
        with self._answering():
            self._client.put_object(
                Bucket=self._bucket, Key=self._key(name), Body=content, ContentType=kind, **condition
            )

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
            raise _told(error, self.uri) from error


class _NoSuchObject(InputMissing):
    """An object that is not there."""


def _client(settings: Settings) -> Any:
    return boto3.Session().client(
        "s3",
        region_name=settings.aws_region,
        endpoint_url=settings.s3_endpoint,
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"} if settings.s3_endpoint else None,
        ),
    )


def _told(error: Exception, uri: str) -> RoadsideError:
    cause = getattr(error, "response", None) or getattr(error.__cause__ or error.__context__, "response", {})
    code = str((cause or {}).get("Error", {}).get("Code", ""))
    if isinstance(error, NoCredentialsError | PartialCredentialsError) or code in _UNKNOWN_CALLER:
        return SettingError(
            f"S3 does not know who publishes to {uri} ({code or type(error).__name__}).",
            "Give AWS credentials as boto3 finds them: a role, AWS_PROFILE, or AWS_ACCESS_KEY_ID.",
        )
    if code == "NoSuchBucket":
        return InputMissing(
            f"There is no bucket of {uri} (ROADSIDE_PUBLISH_URI).", "Create it, or name another."
        )
    if code in _ABSENT:
        return _NoSuchObject(f"An object under {uri} is not there.")
    if code in _REFUSED:
        return PermissionRefused(
            f"The caller may not publish to {uri} ({code}).",
            "It needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there.",
        )
    if code in _OVERTAKEN:
        return Busy(
            f"Another publication to {uri} ended while this one was sent.",
            "That one stands. Run the same command again if this one is to stand.",
        )
    if isinstance(error, ClientError) and 400 <= int(cause["ResponseMetadata"]["HTTPStatusCode"]) < 500:
        return Defect(f"S3 refused a request to {uri} ({code}).", "What was published stands as it was.")
    return Unreachable(
        f"S3 at {uri} does not answer ({code or type(error).__name__}).",
        "What was published stands as it was. Check address and network, then run the same command again.",
    )
