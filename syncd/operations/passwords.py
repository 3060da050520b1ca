"""Passwords: argon2id, off the event loop, few at a time, and as slow for a name that nobody has.

Whoever guesses is slowed down: a name takes five wrong guesses a quarter of an hour from one address, and fifty from
all addresses together, before it has to wait. It is counted in each replica's memory, by digests.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from syncd.errors import Rejected

SHORTEST: Final = 12
LONGEST: Final = 200
_AT_ONCE: Final = 2
"""Hashes computed at a time: each takes 19 MiB."""
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's second choice, 2024
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$5nZuv4eE0ad5bqcLaLIP1A$AFsQBt/OYRENj9zlch/whFIToBUTBsc/EXJlGdaBIu8"
"""Verified where a name is not known, so that it takes as long. No password has this hash on purpose."""


def check(password: str) -> None:
    """Raises Rejected for a password that is too short, or that nobody can type again."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        raise Rejected(f"a password has {SHORTEST} to {LONGEST} printable characters")


class Passwords:
    """Hashes and verifies, two at a time."""

    def __init__(self) -> None:
        self._turns: Final = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        check(password)
        async with self._turns:
            return await asyncio.to_thread(_hasher.hash, password)

    async def verified(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; takes as long where none is stored."""
        async with self._turns:
            right = await asyncio.to_thread(_is_right, stored or _NOBODYS, password[: LONGEST + 1])
        return right and stored is not None and len(password) <= LONGEST


def _is_right(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


class Guesses:
    """Wrong guesses of late. Forgets the oldest when it knows too many."""

    WINDOW: Final = 900.0
    FROM_ONE: Final = 5
    FROM_ALL: Final = 50
    _MOST: Final = 10_000

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic: Final = monotonic
        self._seen: OrderedDict[bytes, list[float]] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds until this name may be tried again from there; 0 if it may now."""
        return max(
            self._wait(_digest(name, address), self.FROM_ONE),
            self._wait(_digest(name, ""), self.FROM_ALL),
        )

    def note(self, name: str, address: str) -> None:
        """Counts a guess, before it is known whether it is right: many at once must not slip through."""
        for key in (_digest(name, address), _digest(name, "")):
            self._seen[key] = [*self._recent(key), self._monotonic()]
            self._seen.move_to_end(key)
        while len(self._seen) > self._MOST:
            self._seen.popitem(last=False)

    def forgive(self, name: str, address: str) -> None:
        """It was right."""
        self._seen.pop(_digest(name, address), None)

    def _recent(self, key: bytes) -> list[float]:
        since = self._monotonic() - self.WINDOW
        return [moment for moment in self._seen.get(key, ()) if moment > since][-self.FROM_ALL :]

    def _wait(self, key: bytes, most: int) -> float:
        recent = self._recent(key)
        return recent[-most] + self.WINDOW - self._monotonic() if len(recent) >= most else 0.0


def _digest(name: str, address: str) -> bytes:
    return sha256(f"{name}\0{address}".encode(errors="surrogatepass")).digest()
