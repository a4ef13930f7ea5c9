"""The price file, and what the command line says otherwise."""

from __future__ import annotations

import pytest

from roadside.prices import prices
from validation.errors import UnknownName, UserError


def test_the_price_file_says_what_a_core_with_its_memory_costs_and_who_says_so() -> None:
    found = prices()
    assert found.core_hour == pytest.approx(0.052624 + 4 * 0.0057785)
    assert found.dollars(7200, 10) == pytest.approx(20 * found.core_hour)
    assert "EMR Serverless" in found.source


def test_a_price_is_taken_from_the_command_line() -> None:
    found = prices(["vcpu_hour=1", "memory_gb_per_vcpu=0"])
    assert found.core_hour == 1
    assert found.source.endswith("memory_gb_per_vcpu, vcpu_hour as given")


def test_a_price_nobody_asks_is_named_with_its_likes() -> None:
    with pytest.raises(UnknownName, match="Did you mean vcpu_hour"):
        prices(["vcpu_hours=1"])


@pytest.mark.parametrize("text", ["vcpu_hour", "vcpu_hour=dear", "vcpu_hour=-1", "vcpu_hour=nan"])
def test_a_price_is_a_number(text: str) -> None:
    with pytest.raises(UserError, match="NAME=VALUE"):
        prices([text])
