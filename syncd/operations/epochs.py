"""The source epoch: which run of outbox ids counts. A database restored from a backup draws ids anew; a new epoch makes
every row from then on outrank every row before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.errors import Rejected
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.store import segments, source
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """The epoch, the database it was recorded for, and the database that is there. Intake is parked while
    `parked_words` says why. `proposed` are the commands that send again what lost commits may have changed.
    """

    epoch: int
    recorded_system: str
    recorded_timeline: int
    present_system: str
    present_timeline: int
    last_id: int
    highest_taken: int
    parked_words: str | None
    proposed: list[str]


async def shown(database: Database, *, proposing: bool = False) -> EpochReport:
    """What stands now; resyncs are proposed while intake is parked, and when `proposing`."""
    async with database.read() as connection:
        recorded = await source.recorded(connection)
        present = await source.origin(connection)
        keys = await segments.keys(connection) if proposing or recorded.parked_words else set()
    return EpochReport(
        epoch=recorded.epoch,
        recorded_system=recorded.system_identifier,
        recorded_timeline=recorded.timeline,
        present_system=present.system_identifier,
        present_timeline=present.timeline,
        last_id=present.last_id,
        highest_taken=recorded.highest_taken,
        parked_words=recorded.parked_words,
        proposed=[f"syncd resync {key} --mode replay" for key in sorted(keys)],
    )


async def start(database: Database, reason: str, *, by: By = COMMAND_LINE) -> EpochReport:
    """A new epoch, recorded for the database that is there; `reason` is whose decision it was, and why."""
    if not reason.strip():
        raise Rejected("a new source epoch needs a reason")
    why = replace(by, reason=reason.strip())
    async with database.read() as connection:
        present = await source.origin(connection)

    async def work(connection: AsyncConnection) -> None:
        before = (await source.recorded(connection)).epoch
        await source.start_epoch(connection, present)
        deed = Deed(action="epoch.start", target="source", before={"epoch": before}, after={"epoch": before + 1})
        await audit.record(connection, why, deed)

    await database.transact(work)
    return await shown(database, proposing=True)
