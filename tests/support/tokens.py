"""The tokens under which silver knows drivers, for an oracle that reads their names."""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.settings import Settings
from lakehouse.vault import handle_of, vault_of


def driver_tokens(settings: Settings) -> Callable[[str], str]:
    """A driver's token by its id, from the platform's vault."""
    vault = vault_of(handle_of(settings))
    return lambda driver_id: vault.token(vault.subject("driver", driver_id), "driver_id", driver_id)
