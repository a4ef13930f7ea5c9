"""Identifiers of a dataset's rows and groups: equal in every rebuild, reversible by nobody."""

from __future__ import annotations

from lakehouse.settings import Settings
from lakehouse.vault import Vault, handle_of, vault_of


class RowIds:
    """24 hex digits of an HMAC under a key that the vault keeps for this dataset alone.

    Rows of two datasets cannot be matched by them, nor with the lake: that link is
    `training.row_index`, restricted and erasable.
    """

    def __init__(self, vault: Vault, dataset: str) -> None:
        self._vault = vault
        self._subject = vault.subject("table", f"training.{dataset}")

    def row(self, key: str) -> str:
        """meta_row_id of the row whose key in the lake this is."""
        return self._token("row", key)

    def group(self, key: str) -> str:
        """meta_group of the rows that share this key."""
        return self._token("group", key)

    def round(self, key: str) -> str:
        """meta_round of the rows that are candidates of one choice."""
        return self._token("round", key)

    def _token(self, name: str, key: str) -> str:
        return self._vault.token(self._subject, name, key).removeprefix(self._subject.prefix)


def row_ids(settings: Settings, dataset: str) -> RowIds:
    """The identifiers of a dataset, from the settings' vault."""
    return RowIds(vault_of(handle_of(settings)), dataset)
