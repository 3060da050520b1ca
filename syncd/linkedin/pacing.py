"""One pacer per member and resource: every request passes it, so that no minute ever holds more than the limit.

A leaky bucket spreads the requests, a count of places bounds how many are unanswered (`domain.quota`). A request whose
end is unknown keeps its place for one more request timeout, because it may still arrive. A new pacer starts with an
empty burst, as the owner before may have just used its own. While a gate is shut nothing passes; after it, one request
at a time probes until one succeeds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from aiolimiter import AsyncLimiter

from syncd.domain.quota import WINDOW, Quota

_SLACK: Final = 0.5
"""The part of a request that the bucket holds beyond the burst: what a late timer loses is made up for. No window can hold a
part of a request, so that none holds more than without it; the other half is left to clocks that run at another speed.
"""


class Pacer:
    """Lets requests through. `hold` is how long, in seconds, an unanswered request keeps its place."""

    def __init__(self, quota: Quota, *, hold: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.quota: Final = quota
        self._hold = hold
        self._monotonic = monotonic
        self._capacity: Final = quota.burst + _SLACK
        self._bucket = AsyncLimiter(self._capacity, WINDOW * self._capacity / quota.per_minute)
        self._started = False
        self._changed = asyncio.Event()
        self._recent: deque[float] = deque()
        self.in_flight = 0
        self.shut_until = 0.0
        self.probing = False

    async def admit(self) -> float:
        """Waits until a request may go and counts it as gone; the seconds it waited."""
        asked = self._monotonic()
        if not self._started:
            self._started = True
            await self._bucket.acquire(self._capacity)
        while True:
            await self._open()
            await self._bucket.acquire()
            if self._is_open():
                break
        now = self._monotonic()
        self.in_flight += 1
        self._recent.append(now)
        return now - asked

    def done(self, *, answered: bool) -> None:
        """Gives the place back: at once after an answer, else one request timeout later."""
        if answered:
            self._leave()
        else:
            asyncio.get_running_loop().call_later(self._hold, self._leave)

    def shut(self, seconds: float, *, probe: bool) -> None:
        """Nothing passes for so many seconds; afterwards, if `probe`, one at a time until `open`."""
        self.shut_until = max(self.shut_until, self._monotonic() + seconds)
        self.probing = self.probing or probe
        self._changed.set()

    def open(self) -> None:
        """A request succeeded: nothing is probed any more."""
        self.probing = False
        self._changed.set()

    @property
    def is_shut(self) -> bool:
        return self._monotonic() < self.shut_until

    @property
    def last_minute(self) -> int:
        """Requests let through in the last 60 seconds."""
        horizon = self._monotonic() - WINDOW
        while self._recent and self._recent[0] <= horizon:
            self._recent.popleft()
        return len(self._recent)

    def _is_open(self) -> bool:
        return not self.is_shut and self.in_flight < (1 if self.probing else self.quota.in_flight)

    async def _open(self) -> None:
        while not self._is_open():
            self._changed.clear()
            left = self.shut_until - self._monotonic()
            try:
                async with asyncio.timeout(left if left > 0 else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _leave(self) -> None:
        self.in_flight -= 1
        self._changed.set()
