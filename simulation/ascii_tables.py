"""Tables as people read them: one row a line, cells between bars.

>>> read_table('''
... # who drives for whom
... | driver | provider |
... |--------|----------|
... | D1     | P1       |
... | D3     |          |
... ''')
[{'driver': 'D1', 'provider': 'P1'}, {'driver': 'D3', 'provider': ''}]
"""

from __future__ import annotations

from validation.errors import UserError


def read_table(text: str) -> list[dict[str, str]]:
    """One dict per row, in order; a blank cell is ''. Lines that start with # are comments.

    Raises:
        UserError: a row has more or fewer cells than the header, or there is no header.
    """
    lines = [line.strip() for line in text.splitlines()]
    rows = [_cells(line) for line in lines if line and not line.startswith("#") and not _is_rule(line)]
    if not rows:
        raise UserError("The table has no header.", "Write its column names between bars: | job | event |")
    header, *body = rows
    for number, row in enumerate(body, start=1):
        if len(row) != len(header):
            raise UserError(f"Row {number} of the table has {len(row)} cells; its header has {len(header)}.")
    return [dict(zip(header, row, strict=True)) for row in body]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _is_rule(line: str) -> bool:
    return set(line) <= set("|-+ ")
