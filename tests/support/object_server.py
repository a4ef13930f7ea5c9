"""A server on loopback that speaks S3's protocol (moto's), and a watcher that is told of each request."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "published"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "loader", "AWS_SECRET_ACCESS_KEY": "open sesame"}
Watcher = Callable[[int, str, str], None]
"""(number of the request since `watched_by`, from 1; method; key): called before the request is run."""


def _lets_pass(_number: int, _method: str, _key: str) -> None:
    return None


@dataclass
class ObjectServer:
    """One server with one bucket; what the watcher itself asks of it is not watched."""

    endpoint: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    is_broken: bool = False
    _watcher: Watcher = _lets_pass
    _is_telling: bool = False
    _application: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    @contextmanager
    def watched_by(self, watcher: Watcher = _lets_pass) -> Iterator[None]:
        """Tell the watcher of every request from now on, and keep them in `requests`."""
        self._watcher = watcher
        self.requests.clear()
        try:
            yield
        finally:
            self._watcher, self.is_broken = _lets_pass, False

    def client(self) -> Any:
        """A client with all rights."""
        return boto3.client("s3", region_name="us-east-1", endpoint_url=self.endpoint)

    def listed(self) -> list[str]:
        """The keys in the bucket, in order."""
        return [each["Key"] for each in self.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def read(self, key: str) -> bytes:
        """An object."""
        content: bytes = self.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        if not self._is_telling:
            self._tell(environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"/{BUCKET}").lstrip("/"))
            if self.is_broken:
                start_response("503 Slow Down", [("Content-Length", "0")])
                return [b""]
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer

    def _tell(self, method: str, key: str) -> None:
        self.requests.append((method, key))
        self._is_telling = True
        try:
            self._watcher(len(self.requests), method, key)
        finally:
            self._is_telling = False


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return None


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """A server of its own, empty but for the bucket; credentials must be in the environment."""
    server = ObjectServer()
    listening = make_server("127.0.0.1", 0, server, threaded=True, request_handler=_Silent)
    server.endpoint = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, name="objects", daemon=True)
    thread.start()
    # What moto holds is the process's.
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/moto-api/reset", method="POST")).close()
    server.client().create_bucket(Bucket=BUCKET)
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
