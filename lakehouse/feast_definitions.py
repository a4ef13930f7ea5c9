"""The definitions of `feature_repo/`, read as `feast apply` reads them: no registry, no settings."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lakehouse import feast_import  # noqa: F401 - before any other module of Feast
from lakehouse.feast_cli import FEATURE_REPO

from feast.repo_operations import parse_repo  # isort: skip


@dataclass(frozen=True)
class FeastDefinitions:
    """What the folder defines, asked as a Feast store is."""

    contents: Any

    def list_feature_services(self) -> list[Any]:
        """Every feature service."""
        return list(self.contents.feature_services)

    def list_on_demand_feature_views(self) -> list[Any]:
        """Every on-demand view."""
        return list(self.contents.on_demand_feature_views)

    def get_feature_view(self, name: str) -> Any:
        """The stored view of that name."""
        (view,) = [each for each in self.contents.feature_views if each.name == name]
        return view


def feast_definitions() -> FeastDefinitions:
    """What `feature_repo/` defines now; Feast imports its files from inside the folder."""
    with _inside_the_folder(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, message="The spark .* is an experimental")
        warnings.filterwarnings("ignore", category=RuntimeWarning, message="The spark data source API")
        return FeastDefinitions(parse_repo(FEATURE_REPO))


@contextlib.contextmanager
def _inside_the_folder() -> Iterator[None]:
    path, loaded = list(sys.path), sys.modules.get("definitions")
    sys.path.append(str(FEATURE_REPO))
    try:
        with contextlib.chdir(FEATURE_REPO):
            yield
    finally:
        sys.path[:] = path
        sys.modules.pop("definitions", None)
        if loaded is not None:
            sys.modules["definitions"] = loaded
