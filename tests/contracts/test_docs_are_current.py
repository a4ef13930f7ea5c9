"""docs/tables/ and docs/declared.json say what the contracts say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from roadside import declared
from support.declarations import real, small
from validation import table_docs
from validation.contract import Table
from validation.contracts import TABLES

ROOT = table_docs.DOCS.parents[1]


def test_the_pages_are_current() -> None:
    assert table_docs.stale_pages() == [], "run `python -m validation.table_docs --write`"


def test_a_stale_page_and_a_page_of_no_table_are_found_and_mended(tmp_path: Path) -> None:
    table_docs.write_pages(tmp_path)
    (tmp_path / "silver.offers.md").write_text("old")
    (tmp_path / "silver.forgotten.md").write_text("old")
    (tmp_path / "sources.md").unlink()
    assert table_docs.stale_pages(tmp_path) == ["silver.forgotten.md", "silver.offers.md", "sources.md"]
    assert table_docs.write_pages(tmp_path) == ["silver.forgotten.md", "silver.offers.md", "sources.md"]
    assert table_docs.stale_pages(tmp_path) == []


def test_checking_stale_pages_exits_1_and_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table_docs, "stale_pages", lambda: ["silver.offers.md"])
    assert table_docs.main(["--check"]) == 1
    assert "docs/tables/silver.offers.md is stale" in capsys.readouterr().out


def test_the_declarations_are_current() -> None:
    written = declared.DECLARED.read_text(encoding="utf-8")
    assert written == declared.text_of(real()), "run `roadside docs`"
    assert json.loads(written) == real(), "nothing is lost in the file's layout"


def test_stale_declarations_are_found_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "declared", small)
    path = tmp_path / "declared.json"
    assert declared.is_stale(path)
    assert declared.write(path)
    assert not declared.is_stale(path)
    assert not declared.write(path)
    path.write_text(path.read_text(encoding="utf-8").replace("calls", "called"), encoding="utf-8")
    assert declared.is_stale(path)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_page_names_the_module_of_its_contract(table: Table) -> None:
    (line,) = [text for text in table_docs.table_page(table).splitlines() if text.startswith("Contract: ")]
    module = ROOT / line.removeprefix("Contract: `").removesuffix("`.")
    assert (
        table.layer == "quarantine"
        or f'"{table.name}"' in module.read_text()
        or "feature_table(" in module.read_text()
        or "tile_table(" in module.read_text()
        or "dataset_table(" in module.read_text()
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_column_taken_from_a_contract_makes_its_page_stale(table: Table) -> None:
    """Whatever else holds a column to its contract, no column can leave one unnoticed."""
    written = (table_docs.DOCS / f"{table.name}.md").read_text(encoding="utf-8")
    for gone in table.columns:
        columns = tuple(column for column in table.columns if column is not gone)
        mutated = replace(table, columns=columns, **without(table, gone.name))
        assert table_docs.table_page(mutated) != written, gone.name


def without(table: Table, name: str) -> dict[str, object]:
    """The table's other promises, so that only the column itself is missed."""
    left = next(column for column in table.column_names if column != name)
    return {
        "key": tuple(key for key in table.key if key != name) or (left,),
        "required": tuple(column for column in table.required if column != name),
        "shares": tuple(each for each in table.shares if name not in (each.part, each.whole)),
        "references": tuple(each for each in table.references if each.column != name),
        "order": tuple(column for column in table.order if column != name),
        "checks": tuple(check for check in table.checks if getattr(check, "column", "") != name),
        "partition": left if table.partition == name else table.partition,
        "clock": left if table.clock == name else table.clock,
    }
