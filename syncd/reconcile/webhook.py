"""Notifications on their way to a webhook: signed, durable, and never to a host inside.

Each is a row until somebody has taken it. A receiver tells a notification by its id, for one can arrive twice; the
signature covers the time at which it was sent, so an old one cannot be played again.
"""

from __future__ import annotations

import asyncio
import hmac
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from syncd.domain.events import DatabaseFailed, Emit, WebhookFailed
from syncd.domain.retry import Backoff, Dice
from syncd.errors import Transient
from syncd.linkedin.guard import Guarded, is_loopback
from syncd.settings import Settings
from syncd.store import alerts
from syncd.store.alerts import Notification
from syncd.store.engine import Database

EVERY: Final = 5.0
"""Seconds between two looks when nothing is due."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, connect=5.0, sock_read=10.0)
_AGAIN: Final = Backoff(5.0, 3_600.0)
SIGNATURE: Final = "Syncd-Signature"
TIMESTAMP: Final = "Syncd-Timestamp"
NUMBER: Final = "Syncd-Notification"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex behind `v1=`."""
    return "v1=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where notifications go. `instance` says which syncd speaks."""

    database: Database
    emit: Emit
    url: str
    secret: str = field(repr=False)
    instance: str
    wall: Callable[[], float]
    dice: Dice

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Names that lead inside are refused after they are resolved; a loopback URL is for tests and says so itself."""
        host = URL(self.url).host or ""
        exempt = frozenset({host}) if is_loopback(host) else frozenset[str]()
        connector = aiohttp.TCPConnector(resolver=Guarded(aiohttp.ThreadedResolver(), exempt=exempt), limit=2)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=False) as session:
            yield session

    async def send_due(self, session: aiohttp.ClientSession) -> bool:
        """Sends the next notification; whether there was one. Raises Transient."""
        due = await self.database.transact(alerts.claim)
        if due is None:
            return False
        words = await self._refusal(session, due)
        if words is None:
            await self.database.transact(lambda connection: alerts.sent(connection, due.id))
            return True
        wait = _AGAIN.wait(due.attempts, self.dice)
        await self.database.transact(lambda connection: alerts.failed(connection, due.id, words, wait))
        self.emit(WebhookFailed(notification=due.id, attempts=due.attempts, words=words))
        return True

    async def _refusal(self, session: aiohttp.ClientSession, due: Notification) -> str | None:
        """Why it did not arrive; None if it did. What the receiver says is not repeated."""
        body = self._body(due)
        timestamp = str(int(self.wall()))
        headers = {
            "Content-Type": "application/json",
            NUMBER: str(due.id),
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self.secret, timestamp, body),
        }
        try:
            async with session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer:
                return None if 200 <= answer.status < 300 else f"the webhook answered {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return f"the webhook cannot be reached: {type(error).__name__}"

    def _body(self, due: Notification) -> bytes:
        return msgspec.json.encode(
            {
                "id": due.id,
                "instance": self.instance,
                "event": due.event,
                "kind": due.kind,
                "about": due.about,
                "words": due.words,
                "since": _iso(due.since),
                "at": _iso(due.at),
            }
        )


async def tend(settings: Settings, database: Database, emit: Emit, wall: Callable[[], float]) -> None:
    """Sends what is due until cancelled: whichever replica comes first sends it. Without a webhook there is nothing to do."""
    wanted = settings.alerts
    if wanted.webhook_url is None or wanted.secret is None:
        return
    webhook = Webhook(
        database=database,
        emit=emit,
        url=wanted.webhook_url,
        secret=wanted.secret.get_secret_value(),
        instance=settings.instance,
        wall=wall,
        dice=random.random,
    )
    async with webhook.session() as session:
        while True:
            try:
                sent = await webhook.send_due(session)
            except Transient as error:
                sent = False
                emit(DatabaseFailed(where="notifications", words=str(error)))
            if not sent:
                await asyncio.sleep(EVERY)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
