"""Resyncs: what LinkedIn should hold goes out again. Replay sends everything the ledger holds; it needs no CRM.

A live change that comes meanwhile wins, because what is sent again keeps the rank it has in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import MOST_ELEMENTS
from syncd.domain.change import Kind
from syncd.domain.quota import quota
from syncd.errors import Rejected
from syncd.operations.segments import unknown
from syncd.settings import Settings
from syncd.store import controls, ledger, segments
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a replay would send, and the minutes it takes at LinkedIn's limit if nothing else is sent."""

    segment: str
    identities: int
    requests: int
    minutes: float


async def preview(database: Database, settings: Settings, key: str) -> Preview:
    """Counts, and changes nothing."""
    async with database.read() as connection:
        binding = await segments.find(connection, key)
        if binding is None:
            raise await unknown(connection, key)
        segment = binding.segment
        held = (await ledger.sizes(connection, [segment.id])).get(segment.id, 0)
    limits = settings.limits
    limit = limits.users_per_minute if segment.kind is Kind.USER else limits.companies_per_minute
    requests = ceil(held / MOST_ELEMENTS)
    return Preview(segment=key, identities=held, requests=requests, minutes=requests / quota(limit).per_minute)


async def replay(database: Database, key: str) -> None:
    """Orders it; the owner of the segment's member carries it out, and lets a segment go on that waited for it."""

    async def work(connection: AsyncConnection) -> None:
        binding = await segments.find(connection, key)
        if binding is None:
            raise await unknown(connection, key)
        if binding.segment.takes_lists:
            raise Rejected(f"segment {key} takes whole lists: `syncd upload` fills it again, not a resync")
        if binding.segment.dmp_id is None:
            raise Rejected(f"segment {key} is not bound to one at LinkedIn yet: there is nothing to fill")
        if binding.order is not None:
            raise Rejected(f"segment {key} has an order to {binding.order} already: wait until it is carried out")
        await controls.order(connection, key, "replay")

    await database.transact(work)
