"""One simulated city for all tests of this folder."""

from __future__ import annotations

import pytest

from simulation.city import SimulationConfig, simulate
from support.landed_city import DAYS, START, LandedCity


@pytest.fixture(scope="session")
def city(tmp_path_factory) -> LandedCity:
    root = tmp_path_factory.mktemp("city")
    config = SimulationConfig(
        START, DAYS, seed=7, providers=120, jobs_per_day=900, pings_days=1, dead_feed=True
    )
    simulate(config, root)
    return LandedCity(root)
