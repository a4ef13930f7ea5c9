"""The feature repository, read once."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from feast.repo_contents import RepoContents
from feast.repo_operations import parse_repo

REPO = Path(__file__).resolve().parents[2] / "feature_repo"


@pytest.fixture(scope="session")
def repo() -> RepoContents:
    """The repository as `feast apply` reads it: from inside the folder, each file by its path."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The spark data source API", category=RuntimeWarning)
        patch.chdir(REPO)
        patch.setattr(sys, "path", [*sys.path, str(REPO)])
        contents = parse_repo(REPO)
        sys.modules.pop("definitions")
        return contents
