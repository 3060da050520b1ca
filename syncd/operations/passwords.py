"""Passwords: argon2id, off the event loop, few at a time, and as slow for a name that nobody has.

Whoever guesses is slowed down: a name takes five wrong guesses a quarter of an hour from one address, and fifty from
all addresses together, before it has to wait; an address takes a hundred at all names, and everybody together a thousand.
It is counted in each replica's memory, by digests. An address is the peer's: what a header says of it is not believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from syncd.errors import Rejected
from syncd.operations.pace import Wait, Window

SHORTEST: Final = 12
LONGEST: Final = 200
_AT_ONCE: Final = 2
"""Hashes computed at a time: each takes 19 MiB."""
_AT_HAND: Final = 20
"""Hashes computed or waited for; who comes later is sent away before any work is done."""
_A_MOMENT: Final = 1.0
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's second choice, 2024
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$5nZuv4eE0ad5bqcLaLIP1A$AFsQBt/OYRENj9zlch/whFIToBUTBsc/EXJlGdaBIu8"
"""Verified where a name is not known, so that it takes as long. No password has this hash on purpose."""


def check(password: str) -> None:
    """Raises Rejected for a password that is too short, or that nobody can type again."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        raise Rejected(f"a password has {SHORTEST} to {LONGEST} printable characters")


class Passwords:
    """Hashes and verifies, two at a time, with a short queue. Raises Wait where it is full."""

    def __init__(self) -> None:
        self._turns: Final = asyncio.Semaphore(_AT_ONCE)
        self._here = 0

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._here >= _AT_HAND:
            raise Wait(_A_MOMENT, "too many sign in at once: wait a moment, then try again")
        self._here += 1
        try:
            async with self._turns:
                yield
        finally:
            self._here -= 1

    async def hashed(self, password: str) -> str:
        check(password)
        async with self._turn():
            return await asyncio.to_thread(_hasher.hash, password)

    async def verified(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; takes as long where none is stored."""
        async with self._turn():
            right = await asyncio.to_thread(_is_right, stored or _NOBODYS, password[: LONGEST + 1])
        return right and stored is not None and len(password) <= LONGEST


def _is_right(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


class Guesses:
    """Wrong guesses of late: at a name from one address, at a name, from an address, and in all."""

    WINDOW: Final = 900.0
    FROM_ONE: Final = 5
    FROM_ALL: Final = 50
    FROM_ADDRESS: Final = 100
    IN_ALL: Final = 1_000

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._window: Final = Window(self.WINDOW, monotonic)

    def wait(self, name: str, address: str) -> float:
        """Seconds until this name may be tried again from there; 0 if it may now."""
        return max(self._window.wait(key, most) for key, most in self._counted(name, address))

    def note(self, name: str, address: str) -> None:
        """Counts a guess, before it is known whether it is right: many at once must not slip through."""
        for key, most in self._counted(name, address):
            self._window.note(key, most)

    def take_back(self, name: str, address: str) -> None:
        """It was none."""
        for key, _ in self._counted(name, address):
            self._window.take_back(key)

    def forgive(self, name: str, address: str) -> None:
        """It was right: so were, in good faith, those before it from there."""
        self.take_back(name, address)
        self._window.forget(self._counted(name, address)[0][0])

    def _counted(self, name: str, address: str) -> tuple[tuple[str, int], ...]:
        net = _network(address)
        return (
            (_digest(name, net), self.FROM_ONE),
            (_digest(name, ""), self.FROM_ALL),
            (_digest("", net), self.FROM_ADDRESS),
            ("", self.IN_ALL),
        )


def _network(address: str) -> str:
    """Who has one address of IPv6 has its whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


def _digest(name: str, address: str) -> str:
    return sha256(f"{name}\0{address}".encode(errors="surrogatepass")).hexdigest()
