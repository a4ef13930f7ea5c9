"""Feast without the checks it compiles at import, and typeguard as it was."""

import subprocess
import sys

import pytest

LOOK = """
import typeguard
usual = typeguard.typechecked
from {module} import FeatureService
assert typeguard.typechecked is usual
is_checked = any("typeguard" in name for name in FeatureService.__init__.__code__.co_names)
assert is_checked is {is_checked}
"""


@pytest.mark.parametrize(("module", "is_checked"), [("lakehouse.feast_import", False), ("feast", True)])
def test_feast_s_classes_are_unchecked_by_this_import_alone(module: str, is_checked: bool) -> None:
    look = LOOK.format(module=module, is_checked=is_checked)
    subprocess.run([sys.executable, "-c", look], check=True)
