"""How often something may be tried: counted over a sliding window, in each replica's memory.

Whoever comes too often is told how long to wait; what is counted are digests or ids, never what somebody typed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from syncd.errors import Denied


class Wait(Denied):
    """Too often, or too many at once; `seconds` until it is worth another try."""

    def __init__(self, seconds: float, words: str = "too many tries: wait a while, then try again") -> None:
        super().__init__(words)
        self.seconds = seconds


class Window:
    """When something happened of late, by key. Forgets the keys that rested longest when it knows too many."""

    _MOST: Final = 10_000

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds: Final = seconds
        self._monotonic: Final = monotonic
        self._seen: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, key: str, most: int) -> float:
        """Seconds until it may happen again, if it may `most` times in a window; 0 if it may now."""
        recent = self._recent(key)
        return recent[-most] + self._seconds - self._monotonic() if len(recent) >= most else 0.0

    def note(self, key: str, most: int) -> None:
        """It happens now. More than `most` are not remembered."""
        self._seen[key] = [*self._recent(key), self._monotonic()][-most:]
        self._seen.move_to_end(key)
        while len(self._seen) > self._MOST:
            self._seen.popitem(last=False)

    def take_back(self, key: str) -> None:
        """The newest of them does not count."""
        if noted := self._seen.get(key):
            noted.pop()

    def forget(self, key: str) -> None:
        self._seen.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        since = self._monotonic() - self._seconds
        return [moment for moment in self._seen.get(key, ()) if moment > since]


class Pace:
    """What cannot be taken back is done by one caller only so often a minute, whatever drives them."""

    MOST: Final = 30

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._window: Final = Window(60.0, monotonic)

    def keep(self, caller: str, action: str) -> None:
        """Counts one more. Raises Wait."""
        key = f"{caller} {action}"
        if seconds := self._window.wait(key, self.MOST):
            raise Wait(seconds, f"that may be done {self.MOST} times a minute: wait a while, then go on")
        self._window.note(key, self.MOST)
