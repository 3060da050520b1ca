"""A value that many want at once and that costs something to read: read for all of them together, and spaced by what it
costs, so that fifty people who watch do not cost more than one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_SHARE: Final = 0.05
"""Of the time that may go into reading."""


class Fresh(Generic[T]):
    """Promises a value at most `least` seconds old, or older where reading it takes so long that it would take more than a
    twentieth of the time. Whoever comes while it is read waits for the same reading.
    """

    def __init__(
        self, read: Callable[[], Awaitable[T]], least: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._least = least
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._held: tuple[T, float] | None = None

    async def get(self) -> T:
        async with self._lock:
            begun = self._monotonic()
            if self._held is not None and begun < self._held[1]:
                return self._held[0]
            value = await self._read()
            ended = self._monotonic()
            self._held = (value, max(begun + self._least, ended + (ended - begun) / _SHARE))
            return value

    def outdate(self) -> None:
        """Something was changed: whoever comes next sees it."""
        self._held = None
