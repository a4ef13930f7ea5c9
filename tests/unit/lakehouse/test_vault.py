import json
import pickle
import re
import stat
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from lakehouse.settings import load_settings
from lakehouse.vault import Vault, VaultHandle, content_digest, handle_of, make_platform_key, vault_of
from validation.errors import CheckFailed, Defect, InputMissing, SettingError

CONTEXT = b"bronze.dispatch_events|payload"


@pytest.fixture
def handle(tmp_path: Path, database_url: str) -> VaultHandle:
    return handle_of(
        load_settings({"ROADSIDE_HOME": str(tmp_path / "home"), "ROADSIDE_VAULT_URL": database_url})
    )


@pytest.fixture
def vault(handle: VaultHandle) -> Vault:
    return Vault(handle.url, handle.key_file)


def test_the_embedded_platform_key_is_made_once_for_its_owner_only(handle: VaultHandle) -> None:
    key_file = Path(handle.key_file)
    first = key_file.read_bytes()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    make_platform_key(key_file)
    assert key_file.read_bytes() == first
    assert [path.name for path in key_file.parent.iterdir()] == ["platform.key"]


def test_outside_the_embedded_profile_a_missing_key_is_a_setting_to_mend(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="ROADSIDE_PLATFORM_KEY_FILE"):
        Vault(f"sqlite:///{tmp_path}/vault.db", tmp_path / "platform.key")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "abcd", "not hex"])
def test_a_key_file_without_a_whole_key_is_refused_unseen(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(SettingError) as refused:
        Vault(f"sqlite:///{tmp_path}/vault.db", tmp_path / "key")
    assert not content or content not in str(refused.value)


def test_a_vault_is_not_opened_with_another_platform_key(handle: VaultHandle, tmp_path: Path) -> None:
    Vault(handle.url, handle.key_file)
    make_platform_key(tmp_path / "other.key")
    with pytest.raises(SettingError, match="not the key that this vault was made with"):
        Vault(handle.url, tmp_path / "other.key")


def test_a_subject_stays_the_same_over_processes_and_caches(handle: VaultHandle) -> None:
    first = Vault(handle.url, handle.key_file)
    second = Vault(handle.url, handle.key_file)
    member = first.subject("member", "G1", "88120")
    again = second.subject("member", "G1", "88120")
    assert member.subject_id == again.subject_id
    assert first.token(member, "member_id", "88120") == second.token(again, "member_id", "88120")
    assert first.seal(member, b"Ada", CONTEXT) == second.seal(again, b"Ada", CONTEXT)


def test_kinds_and_parts_of_a_natural_key_are_told_apart(vault: Vault) -> None:
    ids = {
        vault.subject("member", "1", "23").subject_id,
        vault.subject("member", "12", "3").subject_id,
        vault.subject("member", "123").subject_id,
        vault.subject("driver", "123").subject_id,
    }
    assert len(ids) == 4
    with pytest.raises(Defect, match="no kind of subject"):
        vault.subject("truck", "T1")


def test_a_batch_gives_old_and_new_subjects_alike(vault: Vault) -> None:
    old = vault.subject("driver", "D1")
    keys = [("D1",), *((f"D{n}",) for n in range(2, 1_200)), ("D2",)]
    found = vault.subjects("driver", keys)
    assert found["D1",] is old
    assert len(found) == 1_199 == len({subject.subject_id for subject in found.values()})
    assert vault.subject("driver", "D700") is found["D700",]
    assert vault.subjects("driver", []) == {}


def test_tokens_name_what_they_stand_for_and_hold_24_hex_digits(vault: Vault) -> None:
    member, driver = vault.subject("member", "G1", "88120"), vault.subject("driver", "D1")
    tokens = [
        vault.token(member, "member_id", "88120"),
        vault.token(driver, "driver_id", "D1"),
        vault.token(member, "vin", "1FTFW1E50PFA00001"),
    ]
    assert [re.sub("[0-9a-f]{24}$", "", token) for token in tokens] == ["m_", "d_", "v_"]
    assert vault.token(member, "name", "x") != vault.token(member, "phone", "x")
    assert vault.token(member, "name", "x") != vault.token(vault.subject("member", "G1", "2"), "name", "x")


@pytest.mark.parametrize("plaintext", [b"", b"Ada Lovelace", "Zoë".encode(), bytes(100_000)])
def test_a_sealed_value_opens_to_what_was_sealed(vault: Vault, plaintext: bytes) -> None:
    member = vault.subject("member", "G1", "88120")
    sealed = vault.seal(member, plaintext, CONTEXT)
    assert sealed[:1] == b"\x01"
    assert sealed[1:17] == member.subject_id
    assert len(sealed) == 17 + 16 + len(plaintext)
    assert vault.open(sealed, CONTEXT) == plaintext


def test_a_sealed_value_opens_only_whole_and_in_its_context(vault: Vault) -> None:
    sealed = vault.seal(vault.subject("member", "G1", "88120"), b"Ada", CONTEXT)
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    newer = b"\x02" + sealed[1:]
    for value, context in ((sealed, b"silver.jobs|name"), (damaged, CONTEXT), (newer, CONTEXT)):
        with pytest.raises(CheckFailed):
            vault.open(value, context)
    with pytest.raises(CheckFailed, match="no sealed value"):
        vault.open(b"plain", CONTEXT)


def test_a_value_opens_in_another_process_but_not_under_another_vault(
    handle: VaultHandle, vault: Vault, tmp_path: Path
) -> None:
    sealed = vault.seal(vault.subject("member", "G1", "88120"), b"Ada", CONTEXT)
    assert Vault(handle.url, handle.key_file).open(sealed, CONTEXT) == b"Ada"
    other = Vault(f"sqlite:///{tmp_path}/other.db", handle.key_file)
    with pytest.raises(InputMissing, match="no subject s-"):
        other.open(sealed, CONTEXT)


def test_neither_natural_keys_nor_keys_nor_salts_lie_open_in_the_database(
    handle: VaultHandle, tmp_path: Path
) -> None:
    vault = Vault(f"sqlite:///{tmp_path}/vault.db", handle.key_file)
    member = vault.subject("member", "PLANTED-PROGRAM", "PLANTED-MEMBER")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("vault.db*"))
    assert member.subject_id in stored
    assert b"PLANTED" not in stored
    assert member.salt not in stored


def test_no_secret_is_shown_or_pickled(vault: Vault, handle: VaultHandle) -> None:
    member = vault.subject("member", "G1", "88120")
    shown = f"{vault!r} {member!r} {handle!r} {vault} {member}"
    assert member.salt.hex() not in shown
    assert repr(member.salt) not in shown
    assert Path(handle.key_file).read_text().strip() not in shown
    for secret in (vault, member):
        with pytest.raises(Defect, match="VaultHandle"):
            pickle.dumps(secret)


def test_a_handle_can_be_sent_and_opens_one_vault_per_process(handle: VaultHandle) -> None:
    sent = pickle.loads(pickle.dumps(handle))
    assert vault_of(sent) is vault_of(handle)
    assert Path(handle.key_file).read_bytes().strip() not in pickle.dumps(handle)


def test_a_content_digest_depends_on_salt_and_content() -> None:
    digest = content_digest(b"s" * 32, b"content")
    assert re.fullmatch("[0-9a-f]{16}", digest)
    assert digest == content_digest(b"s" * 32, b"content")
    assert digest != content_digest(b"t" * 32, b"content")
    assert digest != content_digest(b"s" * 32, b"Content")


RACE = """
import json, sys
from pathlib import Path
from lakehouse.vault import Vault, make_platform_key
url, key_file = sys.argv[1:]
make_platform_key(Path(key_file))
vault = Vault(url, key_file)
print(json.dumps([vault.subject("member", str(n)).subject_id.hex() for n in range(20)]
    + [s.subject_id.hex() for s in vault.subjects("driver", [(str(n),) for n in range(300)]).values()]))
"""


def test_processes_that_start_at_once_share_one_key_and_make_each_subject_once(
    tmp_path: Path, start_python: Callable[..., "Popen[str]"]
) -> None:
    racers = [start_python(RACE, f"sqlite:///{tmp_path}/vault.db", tmp_path / "key") for _ in range(4)]
    answers = [racer.communicate(timeout=60) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, answers
    first, *others = [json.loads(out) for out, _ in answers]
    assert len(set(first)) == 320
    assert others == [first] * 3
