"""A landing root and a real vault, both in temporary folders."""

from __future__ import annotations

import pytest

from lakehouse.vault import Vault, VaultHandle, make_platform_key
from support.landed import Landing


@pytest.fixture(scope="session")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    """One root and one vault for all tests: objects have names of their own."""
    home = tmp_path_factory.mktemp("ingestion")
    key_file = home / "platform.key"
    make_platform_key(key_file)
    handle = VaultHandle(f"sqlite:///{home / 'vault.db'}", str(key_file))
    return Landing(home, Vault(handle.url, key_file), handle)
