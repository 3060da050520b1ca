"""What a lost lease leaves behind: requests that may land after those of the new owner.

LinkedIn cannot fence. A process that froze with a request in its hand sends it when it wakes, however many
re-assertions of the new owner have passed by then; it alone knows what it sent, so it asks for one more.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.batch import trace
from syncd.domain.events import DatabaseFailed
from syncd.domain.retry import DATABASE
from syncd.errors import Transient
from syncd.pipeline.member import Member, Tools
from syncd.store import batches, throttles

_TRIES: Final = 12
"""About half a minute: a lease is often lost because the database was."""


async def confess(member: Member, tools: Tools) -> None:
    """Promises a re-assertion of everything that was in flight, and tells of pauses it alone knows. It writes no state of
    the member's, so it needs no lease.
    """
    sent = {
        lane.segment.id: {
            trace(batch.journey.elements[index])
            for batch in lane.batches
            for part in batch.in_flight
            for index in part.indexes
        }
        for lane in member.lanes()
    }

    async def work(connection: AsyncConnection) -> None:
        for wait in member.unwritten.values():
            await throttles.remember(connection, wait, tools.monotonic)
        for segment, traces in sent.items():
            if traces:
                await batches.promise_reassertion(connection, segment, traces, 2 * tools.request_timeout)

    for failures in range(1, _TRIES + 1):
        try:
            return await tools.database.transact(work)
        except Transient as error:
            tools.emit(DatabaseFailed(where="lost lease", words=str(error)))
            await asyncio.sleep(DATABASE.wait(failures, tools.dice))
    return None
