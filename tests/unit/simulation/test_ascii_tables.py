"""ASCII tables are read as they look."""

import pytest

from simulation.ascii_tables import read_table
from validation.errors import UserError


def test_comments_rules_and_blank_lines_are_no_rows() -> None:
    text = """
    # offers
    | offer | provider |
    |-------|----------|

    | #1    | P1       |
    | #2    |          |
    """
    assert read_table(text) == [{"offer": "#1", "provider": "P1"}, {"offer": "#2", "provider": ""}]


def test_row_of_another_width_is_named() -> None:
    with pytest.raises(UserError, match="Row 2 of the table has 1 cells; its header has 2"):
        read_table("| a | b |\n| 1 | 2 |\n| 3 |")


def test_table_without_a_header_is_refused() -> None:
    with pytest.raises(UserError, match="no header"):
        read_table("# nothing\n")
