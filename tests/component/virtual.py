"""A loop whose time is virtual, and how full the fullest minute of some arrivals is."""

from __future__ import annotations

import asyncio
import selectors
from bisect import bisect_right

WINDOW = 60.0


class _Hurried(selectors.DefaultSelector):
    """Never waits: time jumps to the next timer instead."""

    loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits and nothing will ever happen")
        assert self.loop is not None
        self.loop.now += max(timeout, 1e-7) + (
            self.loop.late if timeout > 0 else 0.0
        )  # no clock stands still: who computes a moment by floats may come too early
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, whose timers may be `late` by so many seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.late = 0.0
        selector = _Hurried()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now


def fullest_window(arrivals: list[float]) -> int:
    """Most arrivals in any half-open window of 60 seconds."""
    ordered = sorted(arrivals)
    return max((place - bisect_right(ordered, moment - WINDOW) + 1 for place, moment in enumerate(ordered)), default=0)
