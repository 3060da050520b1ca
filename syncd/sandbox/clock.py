"""Two clocks, never mixed.

The sandbox clock is a wall clock that may run fast and be pushed forward: days of matching and ninety days of disuse
must fit into a test. Rate windows, latency and the first seconds of a segment are about the network, so they
use the real monotonic clock, whatever the sandbox clock does.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SandboxClock:
    def __init__(
        self,
        factor: float = 1.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._factor = factor
        self._base = wall()
        self._since = monotonic()

    def now(self) -> float:
        """Seconds since the epoch, as the sandbox sees them."""
        return self._base + (self._monotonic() - self._since) * self._factor

    def real(self) -> float:
        """Monotonic seconds of the machine."""
        return self._monotonic()

    def wall(self) -> float:
        """Unix seconds of the machine, for logs that are read beside other logs."""
        return self._wall()

    @property
    def factor(self) -> float:
        return self._factor

    def run_at(self, factor: float) -> None:
        """Change the speed from here on; the time itself does not jump."""
        self._base, self._since = self.now(), self._monotonic()
        self._factor = factor

    def advance(self, seconds: float) -> None:
        """Push the sandbox clock forward."""
        self._base += seconds

    def day(self) -> str:
        """The UTC day on which daily quotas count."""
        return datetime.fromtimestamp(self.now(), UTC).date().isoformat()


def millis(seconds: float) -> int:
    return int(seconds * 1000)
