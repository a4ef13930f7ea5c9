"""A key and a salt of its own for every subject, kept outside the lake.

Tokens in silver come from a subject's salt, ciphertext in bronze from its key; destroy both and
neither can be linked or read again. Keys and salts are random, so nothing but this database gives
them; in it they are wrapped by keys derived from the platform key, and a subject is found by a
keyed digest of its natural key, never by the natural key itself.

    platform key file --HKDF--> lookup key : HMAC-SHA256(kind, natural key) -> subject row
                      --HKDF--> wrapping key : AES-SIV(subject key), AES-SIV(salt)
    subject key  -> AES-SIV (RFC 5297), deterministic: sealed values of reruns are equal
    subject salt -> HMAC-SHA256: tokens

No key, salt, `Subject` or `Vault` can be pickled; carry a `VaultHandle` and ask `vault_of`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Connection, LargeBinary, MetaData, String, Table, select

from lakehouse.database import Database, UtcTime, chunks, insert_new
from lakehouse.settings import Settings
from validation.errors import CheckFailed, Defect, InputMissing, SettingError

KINDS = ("member", "driver", "job", "table")
SEAL_VERSION = b"\x01"

_ID_BYTES = 16
_KEY_BYTES = 64
_SALT_BYTES = 32
_TOKEN_BYTES = 12
_DIGEST_BYTES = 8
_HEADER_BYTES = len(SEAL_VERSION) + _ID_BYTES
_CACHED_SUBJECTS = 100_000
_SCHEMA_VERSION = 1
_PREFIXES = {"member": "m_", "driver": "d_", "job": "j_", "table": "t_"}
_PREFIX_OF_NAME = {"vin": "v_"}

NaturalKey = tuple[str, ...]

_metadata = MetaData()

_subjects = Table(
    "subjects",
    _metadata,
    Column("lookup", LargeBinary(32), primary_key=True),
    Column("subject_id", LargeBinary(_ID_BYTES), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("wrapped_key", LargeBinary(_KEY_BYTES + 16), nullable=False),
    Column("wrapped_salt", LargeBinary(_SALT_BYTES + 16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

_platform = Table(
    "platform",
    _metadata,
    Column("name", String(32), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)


class Subject:
    """One person, job or table with a key and a salt of its own. Shows neither; cannot be pickled."""

    __slots__ = ("_cipher", "kind", "prefix", "salt", "subject_id")

    def __init__(self, subject_id: bytes, kind: str, key: bytes, salt: bytes) -> None:
        self.subject_id = subject_id
        self.kind = kind
        self.salt = salt
        self.prefix = _PREFIXES[kind]
        self._cipher = AESSIV(key)

    def __repr__(self) -> str:
        return f"Subject({self.kind} s-{self.subject_id.hex()[:8]})"

    def __reduce__(self) -> NoReturn:
        raise Defect("A subject's key may not leave its process; carry a VaultHandle.")


@dataclass(frozen=True)
class VaultHandle:
    """Where a vault is, and where the key that opens it: picklable, and no secret."""

    url: str
    key_file: str

    def __repr__(self) -> str:
        return "VaultHandle(...)"


class Vault:
    """The subjects' keys and salts at a SQLAlchemy URL, opened by a platform key.

    Safe with any number of processes: whichever makes a subject first, all get the same key.

    Raises:
        SettingError: the platform key file is missing or malformed, or is not the one that this
            vault was made with.
    """

    def __init__(self, url: str, platform_key_file: str | Path) -> None:
        platform_key = _read_key(Path(platform_key_file))
        self._lookup_key = _derived(platform_key, b"roadside vault lookup", 32)
        self._wrapping = AESSIV(_derived(platform_key, b"roadside vault wrapping", 64))
        self._database = Database(url, _metadata, _SCHEMA_VERSION)
        self._by_natural_key: dict[tuple[str, NaturalKey], Subject] = {}
        self._by_id: dict[bytes, Subject] = {}
        self._require_same_platform_key()

    def __repr__(self) -> str:
        return f"Vault({self._database!r})"

    def __reduce__(self) -> NoReturn:
        raise Defect("A vault may not leave its process; carry a VaultHandle.")

    def subject(self, kind: str, *natural_key: str) -> Subject:
        """The subject of that kind and natural key, made on first use.

        ("1", "23") and ("12", "3") are different keys.
        """
        cached = self._by_natural_key.get((kind, natural_key))
        return cached if cached is not None else self.subjects(kind, [natural_key])[natural_key]

    def subjects(self, kind: str, keys: Iterable[NaturalKey]) -> dict[NaturalKey, Subject]:
        """The subject of each natural key; those missing are made, some hundred a transaction."""
        if kind not in KINDS:
            raise Defect(f"'{kind}' is no kind of subject; known: {', '.join(KINDS)}.")
        wanted = dict.fromkeys(keys)
        cache = self._by_natural_key
        found = {key: cache[kind, key] for key in wanted if (kind, key) in cache}
        missing = {self._lookup(kind, key): key for key in wanted if key not in found}
        if missing:
            for lookup, subject in self._get_or_create(kind, missing).items():
                found[missing[lookup]] = subject
                self._remember(subject, (kind, missing[lookup]))
        return found

    def token(self, subject: Subject, name: str, value: str) -> str:
        """A stand-in for the value: m_, d_ or v_ (by subject, or for a VIN) and 24 hex digits.

        Equal for equal values of one subject; unlinkable once the subject's salt is destroyed.
        """
        digest = hmac.digest(subject.salt, f"{name}|{value}".encode(), "sha256")
        return _PREFIX_OF_NAME.get(name, subject.prefix) + digest[:_TOKEN_BYTES].hex()

    def seal(self, subject: Subject, plaintext: bytes, context: bytes) -> bytes:
        """Version byte, subject id, AES-SIV ciphertext bound to the context (table and column).

        Deterministic: equal plaintexts of one subject and context give equal bytes.
        """
        return SEAL_VERSION + subject.subject_id + subject._cipher.encrypt(plaintext, [context])

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plaintext that `seal` was given with this context.

        Raises:
            InputMissing: the vault holds no such subject: erased, or of another vault.
            CheckFailed: the bytes are damaged or were sealed with another context.
        """
        if len(sealed) < _HEADER_BYTES + 16 or sealed[:1] != SEAL_VERSION:
            raise CheckFailed("These bytes are no sealed value.", "Look up the column in its contract.")
        subject = self._by_subject_id(sealed[1:_HEADER_BYTES])
        try:
            return subject._cipher.decrypt(sealed[_HEADER_BYTES:], [context])
        except InvalidTag:
            raise CheckFailed(
                "A sealed value does not open: damaged, or sealed for another table or column.",
                "Open it with the context it was sealed with; if that is right, restore the file.",
            ) from None

    def _lookup(self, kind: str, natural_key: NaturalKey) -> bytes:
        parts = [part.encode() for part in (kind, *natural_key)]
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._lookup_key, text, "sha256")

    def _get_or_create(self, kind: str, lookups: Iterable[bytes]) -> dict[bytes, Subject]:
        lookups = sorted(lookups)
        with self._database.read() as connection:
            stored = _stored(connection, lookups)
        known = {row.lookup for row in stored}
        for some in chunks(lookup for lookup in lookups if lookup not in known):
            made = [self._new_row(kind, lookup) for lookup in some]  # before the one write lock is taken
            with self._database.write() as connection:
                insert_new(connection, _subjects, made)
                stored += _stored(connection, some)  # another process may have been first
        return {row.lookup: self._unwrapped(row) for row in stored}

    def _new_row(self, kind: str, lookup: bytes) -> dict[str, Any]:
        subject_id = secrets.token_bytes(_ID_BYTES)
        bound = [subject_id, kind.encode()]
        return {
            "lookup": lookup,
            "subject_id": subject_id,
            "kind": kind,
            "wrapped_key": self._wrapping.encrypt(secrets.token_bytes(_KEY_BYTES), [b"key", *bound]),
            "wrapped_salt": self._wrapping.encrypt(secrets.token_bytes(_SALT_BYTES), [b"salt", *bound]),
            "created_at": datetime.now(UTC),
        }

    def _unwrapped(self, row: Any) -> Subject:
        bound = [row.subject_id, row.kind.encode()]
        try:
            key = self._wrapping.decrypt(row.wrapped_key, [b"key", *bound])
            salt = self._wrapping.decrypt(row.wrapped_salt, [b"salt", *bound])
        except InvalidTag:
            raise Defect("A subject's wrapped key in the vault is damaged.") from None
        return Subject(row.subject_id, row.kind, key, salt)

    def _by_subject_id(self, subject_id: bytes) -> Subject:
        cached = self._by_id.get(subject_id)
        if cached is not None:
            return cached
        with self._database.read() as connection:
            row = connection.execute(select(_subjects).where(_subjects.c.subject_id == subject_id)).first()
        if row is None:
            raise InputMissing(
                f"The vault holds no subject s-{subject_id.hex()[:8]}.",
                "It was erased, or the value was sealed under another vault (ROADSIDE_VAULT_URL).",
            )
        subject = self._unwrapped(row)
        self._remember(subject)
        return subject

    def _remember(self, subject: Subject, natural_key: tuple[str, NaturalKey] | None = None) -> None:
        if len(self._by_id) >= _CACHED_SUBJECTS:
            self._by_id.clear()
            self._by_natural_key.clear()
        self._by_id[subject.subject_id] = subject
        if natural_key is not None:
            self._by_natural_key[natural_key] = subject

    def _require_same_platform_key(self) -> None:
        mine = hmac.new(self._lookup_key, b"fingerprint", "sha256").hexdigest()
        here = select(_platform.c.fingerprint).where(_platform.c.name == "platform key")
        with self._database.read() as connection:
            found = connection.execute(here).scalar_one_or_none()
        if found is None:
            with self._database.write() as connection:
                insert_new(connection, _platform, [{"name": "platform key", "fingerprint": mine}])
                found = connection.execute(here).scalar_one()
        if found != mine:
            raise SettingError(
                "ROADSIDE_PLATFORM_KEY_FILE is not the key that this vault was made with.",
                "Point it at that key, or ROADSIDE_VAULT_URL at the vault of this key.",
            )


_opened: dict[tuple[int, VaultHandle], Vault] = {}


def handle_of(settings: Settings) -> VaultHandle:
    """The settings' vault; when embedded, the platform key file is made if it is not there.

    Raises:
        SettingError: outside the embedded profile the key file is missing.
    """
    key_file = settings.platform_key_file
    if settings.is_embedded:
        make_platform_key(key_file)
    _read_key(key_file)
    return VaultHandle(settings.vault_url, str(key_file))


def vault_of(handle: VaultHandle) -> Vault:
    """The handle's vault, opened once per process; executors call it, so no key is sent to them."""
    here = (os.getpid(), handle)
    if here not in _opened:
        _opened[here] = Vault(handle.url, handle.key_file)
    return _opened[here]


def make_platform_key(key_file: Path) -> None:
    """A new random key, readable by its owner only; a file that is there stays as it is."""
    if key_file.exists():
        return
    key_file.parent.mkdir(parents=True, exist_ok=True)
    draft = key_file.with_name(f".{key_file.name}.{secrets.token_hex(6)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, key_file)  # whole, or not at all when another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def content_digest(salt: bytes, canonical: bytes) -> str:
    """16 hex digits that tell contents apart and mean nothing without the salt (keyed BLAKE2b)."""
    return hashlib.blake2b(canonical, key=salt, digest_size=_DIGEST_BYTES).hexdigest()


def _read_key(key_file: Path) -> bytes:
    try:
        key = bytes.fromhex(key_file.read_text())
    except FileNotFoundError:
        raise SettingError(
            f"ROADSIDE_PLATFORM_KEY_FILE is '{key_file}', which does not exist.",
            "Mount the platform key there; without it no token or sealed value can be made again.",
        ) from None
    except (OSError, ValueError):
        raise SettingError(
            f"ROADSIDE_PLATFORM_KEY_FILE is '{key_file}', which holds no key this process can read.",
            "It must hold at least 64 hex digits.",
        ) from None
    if len(key) < 32:
        raise SettingError(
            f"ROADSIDE_PLATFORM_KEY_FILE is '{key_file}', whose key is shorter than 256 bits.",
            "It must hold at least 64 hex digits.",
        )
    return key


def _derived(platform_key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(platform_key)


def _stored(connection: Connection, lookups: Iterable[bytes]) -> list[Any]:
    rows: list[Any] = []
    for some in chunks(lookups):
        rows += connection.execute(select(_subjects).where(_subjects.c.lookup.in_(some)))
    return rows
