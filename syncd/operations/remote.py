"""What people do to segments at LinkedIn directly, without an order for the daemon: names, destinations, leftovers."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.segment import Segment
from syncd.errors import Clashing, Rejected
from syncd.linkedin import adsegments, destinations
from syncd.linkedin import segments as dmp
from syncd.linkedin.adsegments import AdSegment
from syncd.linkedin.destinations import Destination
from syncd.operations import audit, voices
from syncd.operations.audit import Deed
from syncd.operations.deletions import Deleted, deleted
from syncd.operations.refusals import told
from syncd.operations.segments import unknown
from syncd.operations.targets import account_of, member_of
from syncd.operations.voices import Clock
from syncd.settings import Settings
from syncd.store import reports, segments
from syncd.store.engine import Database


async def rename(
    database: Database, settings: Settings, key: str, name: str, clock: Clock = Clock(), *, by: By = COMMAND_LINE
) -> None:
    """Another name, at LinkedIn and here. What the configuration declares is named there."""
    if not name.strip():
        raise Rejected("a segment has a name")
    segment, dmp_id = await _bound(database, key)
    if any(declared.key == key for declared in settings.segments):
        raise Clashing(f"segment {key} is declared in the configuration: it is read-only here")
    async with voices.speaking(settings, member_of(settings, segment.member), database, clock) as caller:
        failure = await caller.ask(
            lambda transport, token: dmp.rename(transport, token=token, dmp_id=dmp_id, name=name)
        )
    if failure is not None:
        raise told(failure)

    async def note(connection: AsyncConnection) -> None:
        await segments.change(connection, segment.id, name=name)
        before, after = {"name": segment.name}, {"name": name}
        deed = Deed(action="segment.rename", target=key, account=segment.account, before=before, after=after)
        await audit.record(connection, by, deed)

    await database.transact(note)


async def serves(
    database: Database, settings: Settings, key: str, *, add: bool, clock: Clock = Clock(), by: By = COMMAND_LINE
) -> list[Destination]:
    """Where a segment serves; `add` lets it serve at LinkedIn first."""
    segment, dmp_id = await _bound(database, key)
    async with voices.speaking(settings, member_of(settings, segment.member), database, clock) as caller:
        if add:
            failure = await caller.ask(lambda transport, token: destinations.add(transport, token=token, dmp_id=dmp_id))
            if failure is not None:
                raise told(failure)
            deed = Deed(action="segment.serve", target=key, account=segment.account)
            await audit.record_alone(database, by, deed)
        found = await caller.ask(lambda transport, token: destinations.every(transport, token=token, dmp_id=dmp_id))
    if not isinstance(found, list):
        raise told(found)
    return found


async def ad_segments(
    database: Database, settings: Settings, account: str | None, clock: Clock = Clock()
) -> list[AdSegment]:
    """What campaigns of an ad account can target."""
    urn, member = account_of(settings, account)
    async with voices.speaking(settings, member, database, clock) as caller:
        found = await caller.gather(
            lambda transport, token: adsegments.of_accounts(transport, token=token, accounts=[urn])
        )
    if not isinstance(found, list):
        raise told(found)
    return found


async def clean_up(
    database: Database,
    settings: Settings,
    ids: tuple[int, ...],
    account: str | None,
    clock: Clock = Clock(),
    *,
    by: By = COMMAND_LINE,
) -> Deleted:
    """Deletes segments at LinkedIn that none of ours is bound to, all in one call."""
    async with database.read() as connection:
        ours = {row.dmp_id: row.key for row in await reports.segment_rows(connection) if row.dmp_id is not None}
    if taken := [ours[one] for one in ids if one in ours]:
        raise Rejected(f"segment {taken[0]} is bound to one of them: `syncd segments delete {taken[0]}`")
    _, member = account_of(settings, account)
    async with voices.speaking(settings, member, database, clock) as caller:
        done = await caller.ask(lambda transport, token: dmp.delete_all(transport, token=token, dmp_ids=ids))
    told_of = deleted(done, [str(one) for one in ids])
    for one in told_of.gone:
        await audit.record_alone(database, by, Deed(action="leftover.delete", target=one, account=account))
    return told_of


async def _bound(database: Database, key: str) -> tuple[Segment, int]:
    """A segment and its id at LinkedIn."""
    async with database.read() as connection:
        binding = await segments.find(connection, key)
        if binding is None:
            raise await unknown(connection, key)
    if binding.segment.dmp_id is None:
        raise Clashing(f"segment {key} is not bound to one at LinkedIn yet")
    return binding.segment, binding.segment.dmp_id
