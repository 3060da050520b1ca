"""How a member of the configuration becomes somebody who can call LinkedIn: for the daemon and for commands alike."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from syncd.domain.quota import quota
from syncd.linkedin.auth import TokenSource
from syncd.linkedin.caller import Caller
from syncd.linkedin.pacing import Pacer
from syncd.linkedin.transport import Endpoint, Observe, Transport
from syncd.settings import Member, Settings
from syncd.store.engine import Database
from syncd.store.tokens import SealedTokens

_CALLS_A_MINUTE: Final = 300
"""Requests a minute to everything but the streams: LinkedIn names no limit for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Wall-clock seconds since 1970, and how to wait; replaced in tests, which have no patience."""

    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


def transport(settings: Settings, observe: Observe | None = None) -> Transport:
    """A session to the configured LinkedIn, to be entered as a context."""
    linkedin = settings.linkedin
    endpoint = Endpoint(
        base_url=linkedin.base_url,
        oauth_url=linkedin.oauth_url,
        allowed_hosts=linkedin.allowed_hosts,
        api_version=linkedin.api_version,
        request_timeout=linkedin.request_timeout,
        proxy=linkedin.proxy.get_secret_value() if linkedin.proxy else None,
        ca_file=linkedin.ca_file,
    )
    return Transport(endpoint, observe=observe)


def vault(settings: Settings, member: str, database: Database) -> SealedTokens | None:
    """The member's tokens at rest; None where there are no secret keys to seal them with."""
    keys = [key.get_secret_value() for key in settings.secret_keys]
    return SealedTokens(database, member, keys) if keys else None


def tokens(
    settings: Settings, member: Member, over: Transport, database: Database | None, clock: Clock = Clock()
) -> TokenSource:
    """The member's tokens: from its files, and sealed in the database where there are secret keys."""
    return TokenSource(
        access_token_file=member.access_token_file,
        refresh_token_file=member.refresh_token_file,
        client_id=member.client_id,
        client_secret_file=member.client_secret_file,
        vault=vault(settings, member.key, database) if database is not None else None,
        transport=over,
        wall=clock.wall,
        sleep=clock.sleep,
    )


def caller(
    settings: Settings,
    over: Transport,
    source: TokenSource,
    may_call: Callable[[], bool] = lambda: True,
    clock: Clock = Clock(),
) -> Caller:
    """The member's voice for everything but the streams."""
    pacer = Pacer(quota(_CALLS_A_MINUTE), hold=settings.linkedin.request_timeout)
    return Caller(over, source, pacer, may_call=may_call, sleep=clock.sleep, dice=random.random)


@asynccontextmanager
async def speaking(
    settings: Settings, member: Member, database: Database | None, clock: Clock = Clock()
) -> AsyncIterator[Caller]:
    """The member's voice outside the daemon, for one operation; its calls go to resources that no stream uses."""
    async with transport(settings) as opened:
        yield caller(settings, opened, tokens(settings, member, opened, database, clock), clock=clock)
