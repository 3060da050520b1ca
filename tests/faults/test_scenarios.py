"""A taste of the faults under pytest, about a minute on two cores; `make faults` plays them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.runner import grounds, told
from tests.faults.scenario import BOOK, run

TASTE = (
    "kill -9 after LinkedIn applied, before it answered",
    "the owner alone loses its database",
    "frozen right before the socket, awake after every re-assertion",
    "the connection breaks between COMMIT and its answer",
    "an old transaction is open: intake goes on, tombstones stay",
    "the disk is full (SQLite)",
    "LinkedIn: resets before and after applying",
    "LinkedIn: wrong lengths",
    "CRM: dirt of every kind",
    "CRM: companies under resets",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("name", TASTE)
async def test_syncd_survives(name: str, tmp_path: Path) -> None:
    (scenario,) = (one for one in BOOK if one.name == name)
    async with grounds(tmp_path) as ground:
        outcome = await run(scenario, ground, seed=7, patience=90.0)
    assert outcome.held, told(outcome)


def test_every_scenario_has_a_name_of_its_own() -> None:
    assert len({one.name for one in BOOK}) == len(BOOK)
