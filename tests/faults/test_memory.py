"""The judge of memory on curves made by hand."""

from __future__ import annotations

import math
import os

import pytest

from tests.faults.memory import Memory, resident


def noisy(level: float, place: int) -> float:
    return level + 2.0 * math.sin(place)


@pytest.mark.parametrize(
    ("curve", "flat"),
    [
        ([noisy(90.0, place) for place in range(400)], True),
        ([min(90.0, 50.0 + place) for place in range(400)], True),
        ([noisy(90.0 + 0.05 * place, place) for place in range(400)], False),
        ([90.0] * 200 + [104.0] * 200, False),
    ],
    ids=["flat", "warms up", "leaks", "a step"],
)
def test_memory_that_grows_is_found(curve: list[float], *, flat: bool) -> None:
    assert Memory(curve).is_flat is flat


def test_both_quarters_are_told() -> None:
    assert "90.0 MiB, in the end 104.0 MiB: GROWS" in str(Memory([90.0] * 200 + [104.0] * 200))


def test_a_process_holds_memory_and_one_that_is_gone_holds_none() -> None:
    assert resident(os.getpid()) > 5.0
    assert resident(os.getpid(), "VmHWM") >= resident(os.getpid())
    assert resident(2**22 + 1) == 0.0
