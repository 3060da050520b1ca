"""Whether the outbox ids still come from where they came from.

A restored database, another timeline or a restarted sequence would hand out ids again that syncd has seen, and the
newest change would look like the oldest. It is checked before the first intake, after every trouble with the database,
and after every new connection, behind which another server may stand; each intake also compares what its segment's row
says of the last one. What is found parks intake until an operator starts a new source epoch.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.events import Emit, SourceParked
from syncd.store import source
from syncd.store.engine import Database


class Origin:
    """The check, and the highest id this process has taken itself: a database that lost commits knows a lower one."""

    def __init__(self, database: Database, emit: Emit) -> None:
        self._database = database
        self._emit = emit
        self._trusted = False
        self._connects = 0
        self._highest = 0
        self._parked = ""

    def note(self, highest: int) -> None:
        self._highest = max(self._highest, highest)

    def doubt(self) -> None:
        """The next intake checks first."""
        self._trusted = False

    async def is_trusted(self) -> bool:
        """Whether rows may be taken. Raises Transient."""
        connects = self._database.connects
        if not self._trusted or connects != self._connects:
            words = await self._database.transact(self._check)
            if self._parked and not words:
                self._highest = 0
            self.parked(words)
            self._trusted, self._connects = not words, connects
        return self._trusted

    def parked(self, words: str) -> None:
        """Ids are not trusted for this reason, said once; for none, they are."""
        if words and words != self._parked:
            self._emit(SourceParked(words=words))
        self._parked = words

    async def _check(self, connection: AsyncConnection) -> str:
        recorded = await source.recorded(connection)
        if recorded.parked_words:
            return recorded.parked_words
        found = await source.origin(connection)
        words = _difference(found, recorded, 0 if self._parked else self._highest)
        if words:
            await source.park(connection, words)
        elif found.system_identifier != recorded.system_identifier or found.timeline != recorded.timeline:
            await source.adopt(connection, found)
        return words


MENDED_BY: Final = "`syncd epoch start`, then resync every segment against the CRM"


def receded(segment: str, now: int, before: int) -> str:
    """Why intake parks when the database knows less of a segment than was committed: acknowledged commits were lost."""
    return (
        f"row {before} of segment {segment} was taken already, the database knows of row {now} (failover or restore):"
        f" {MENDED_BY}"
    )


def _difference(found: source.Origin, recorded: source.Recorded, highest: int) -> str:
    """Why ids cannot be trusted, as a sentence that says what to do; empty if they can."""
    then = MENDED_BY
    known, now = recorded.system_identifier, found.system_identifier
    if known and now and known != now:
        return f"the database is another one than before (restored or replaced): {then}"
    if recorded.timeline and found.timeline and recorded.timeline != found.timeline:
        return (
            f"the database is on timeline {found.timeline}, it was on {recorded.timeline} (failover or restore): {then}"
        )
    before = max(recorded.highest_taken, highest)
    if found.last_id < before:
        return f"the outbox drew id {found.last_id} last, but id {before} was taken already (restored?): {then}"
    return ""
