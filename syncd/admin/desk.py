"""What every handler works with: the database, the settings, and what keeps the state of sign-ins."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from syncd.observe.usage import Usage
from syncd.operations.access import Reception
from syncd.operations.oidc import Discovery
from syncd.operations.pace import Pace
from syncd.operations.passwords import Guesses, Passwords
from syncd.operations.voices import Clock
from syncd.settings import Settings
from syncd.settings.checks import is_loopback
from syncd.store.engine import Database

_STREAMS: Final = 2
"""Streams of one kind read at a time, each of which may be held in memory. Who comes later waits."""


def _streams() -> defaultdict[str, asyncio.Semaphore]:
    return defaultdict(lambda: asyncio.Semaphore(_STREAMS))


def _reception() -> Reception:
    return Reception(passwords=Passwords(), guesses=Guesses())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """`reasons` says why nothing can be served yet: the database has not been reached, or has no schema that fits."""

    database: Database
    settings: Settings
    reasons: Callable[[], Sequence[str]] = tuple
    clock: Clock = field(default_factory=Clock)
    reception: Reception = field(default_factory=_reception)
    usage: Usage = field(default_factory=Usage)
    pace: Pace = field(default_factory=Pace)
    discovery: Discovery = field(default_factory=Discovery)
    streams: defaultdict[str, asyncio.Semaphore] = field(default_factory=_streams)
    """Places for streams by what they are about: a snapshot that takes long keeps no change waiting."""

    @property
    def is_https(self) -> bool:
        """Whether people reach it by https, so that cookies and headers can insist on it."""
        return (self.settings.http.public_url or "").startswith("https://")

    @property
    def caution(self) -> str:
        """What an operator has to know at start; nothing where people come by https, or from this machine only."""
        http = self.settings.http
        if self.is_https or is_loopback(http.host):
            return ""
        return (
            f"the console listens on {http.host} without https, so a session's cookie can be read on its way: put TLS before "
            "it, and set http.public_url (SYNCD_HTTP__PUBLIC_URL) to the https:// address that people open"
        )

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; a browser takes `__Host-` by https only."""
        return "__Host-syncd" if self.is_https else "syncd-session"

    def origin(self, request: web.Request) -> str:
        """Scheme, host and port a browser shows for our pages."""
        if self.settings.http.public_url:
            parts = urlsplit(self.settings.http.public_url)
            return f"{parts.scheme}://{parts.netloc}"
        return f"{request.scheme}://{request.host}"


DESK: Final = web.AppKey("desk", Desk)
