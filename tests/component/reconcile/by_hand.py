"""One segment of one member, played step by step: the road's own intake, resync and settlement, and a LinkedIn that is a
set. A crash is a new `Hand` on the same database.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from syncd.domain.access import By, Door
from syncd.domain.change import Kind
from syncd.domain.events import Event
from syncd.domain.resync import Mode, State
from syncd.domain.segment import MemberKey, Segment
from syncd.domain.settlement import Step
from syncd.linkedin.auth import TokenSource
from syncd.linkedin.transport import Transport
from syncd.operations import resyncs as operations
from syncd.operations.resyncs import ResyncReport
from syncd.pipeline import intake, refresh, resend, settle
from syncd.pipeline.lanes import Lane, Open, Road, Turn
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.origin import Origin
from syncd.pipeline.suppress import Suppression
from syncd.reconcile.resync import Resyncer
from syncd.settings import Settings
from syncd.store import controls, leases, segments
from syncd.store.controls import Row
from syncd.store.engine import Database
from syncd.store.segments import Declared
from syncd.store.tables import ledger, now

ACCOUNT = "urn:li:sponsoredAccount:123456"
WHY = By(name="ann", door=Door.CONSOLE, reason="a test")


def address(name: object) -> str:
    return f"p{name}@example.com"


def identity(name: object) -> bytes:
    return b"\x01" + hashlib.sha256(address(name).encode()).digest()


class Crm:
    """The source database of a reconcile: a table of people in SQLite."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self.opened() as connection:
            connection.execute("create table people (email text, subject_id text)")

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.file}"

    def opened(self) -> Any:
        return closing(sqlite3.connect(self.file, isolation_level=None))

    def holds(self, names: Iterable[object], subjects: Mapping[object, str] | None = None) -> None:
        """From now on these people and no others."""
        with self.opened() as connection:
            connection.execute("delete from people")
            rows = [(address(name), (subjects or {}).get(name)) for name in names]
            connection.executemany("insert into people values (?, ?)", rows)


@dataclass(kw_only=True)
class Hand:
    """The owner of the member, and what LinkedIn holds (`there`, by identity)."""

    database: Database
    settings: Settings
    member: Member
    tools: Tools
    lane: Lane
    resyncer: Resyncer
    there: dict[bytes, bytes]
    events: list[Event]
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    async def commit(self, *changes: tuple[str, object], subject: str | None = None) -> None:
        """Rows of the outbox: ADD or REMOVE, and who."""
        rows = [
            Row(
                segment=self.lane.segment.key,
                action=action,
                subject=subject,
                payload=json.dumps(name if isinstance(name, dict) else {"email": address(name)}),
            )
            for action, name in changes
        ]
        async with self.database.begin() as connection:
            await controls.enqueue(connection, rows)

    async def take(self) -> None:
        """Intake, as long as there are rows."""
        self.lane.waiting = True
        while self.lane.waiting:
            await intake.gather(self.lane, self.member, self.tools)

    async def forward(self) -> bool:
        """The next batch of a resync; whether there may be more."""
        await refresh.refresh([self.member], self.tools)
        if self.lane.resyncing:
            await resend.resend(self.lane, self.member, self.tools)
        return self.lane.resyncing

    async def deliver(self, most: int | None = None) -> None:
        """Sends what may go, `most` batches of it, and settles it as accepted."""
        sent = 0
        while most is None or sent < most:
            free = next((one for one in self.lane.batches if not one.behind), None)
            if free is None:
                return
            await self._sent(free)
            sent += 1

    async def _sent(self, batch: Open) -> None:
        (part,) = batch.journey.parts
        dropped = set(self.lane.overtaken(batch, part))
        going = [place for place in part.indexes if place not in dropped]
        for place in going:
            element = batch.journey.elements[place]
            if element.add:
                self.there[element.identity] = element.fields
            else:
                self.there.pop(element.identity, None)
            self.sent.append((element.action.value, element.identity))
        step = Step(part=part, refusals=0, accepted=going, dropped=sorted(dropped))
        await settle.record(self.lane, batch.journey, step, self.member, self.tools)
        road = self.member.roads[self.lane.segment.resource]
        road.settle(Turn(self.lane, batch, part), step)

    async def round(self) -> None:
        """What the owner's loop does beside the road."""
        async with self.database.read() as connection:
            bindings, moment = await segments.of_members(connection, [self.member.key])
        await self.resyncer.advance([binding.segment for binding in bindings], moment)

    async def planned(self, mode: Mode = Mode.RECONCILE) -> ResyncReport:
        """A preview, as far as it comes in a few rounds."""
        found = await operations.preview(self.database, self.settings, self.lane.segment.key, mode, by=WHY)
        await self.round()
        return await self.shown(found.id)

    async def started(self, mode: Mode = Mode.RECONCILE) -> ResyncReport:
        found = await self.planned(mode)
        assert found.state is State.PLANNED, (found.state, found.words)
        key = self.lane.segment.key
        await operations.start(self.database, self.settings, found.id, by=WHY, confirm=key)
        await self.round()
        return await self.shown(found.id)

    async def finish(self, number: int) -> ResyncReport:
        """Everything goes out; the resync has ended."""
        while await self.forward():
            await self.deliver()
        await self.deliver()
        await self.round()
        return await self.shown(number)

    async def shown(self, number: int) -> ResyncReport:
        return await operations.show(self.database, self.settings, number)

    async def held(self) -> set[bytes]:
        """Whom the ledger holds."""
        async with self.database.read() as connection:
            statement = select(ledger.c.identity).where(ledger.c.present)
            return set((await connection.execute(statement)).scalars())

    async def equal(self, names: Iterable[object]) -> None:
        """LinkedIn, the ledger and whoever should be there."""
        wanted = {identity(name) for name in names}
        assert set(self.there) == wanted
        assert await self.held() == wanted


@asynccontextmanager
async def holding(settings: Settings, kind: Kind = Kind.USER, before: Hand | None = None) -> AsyncIterator[Hand]:
    """The owner of the member; `before` is one that has just died."""
    database = Database(settings.database_url.get_secret_value())
    key = "trial" if kind is Kind.USER else "firms"
    try:
        made = await _hand(database, settings, key, before)
        yield made
    finally:
        await database.close()


async def _hand(database: Database, settings: Settings, key: str, before: Hand | None) -> Hand:
    events: list[Event] = [] if before is None else before.events
    replica = f"replica{0 if before is None else before.member.grant.token}"
    async with database.begin() as connection:
        wanted = [
            Declared(key=one.key, name=one.name, kind=one.kind, account=one.account, member=one.member)
            for one in settings.segments
        ]
        await segments.declare(connection, {"demo": "default"}, wanted, declared=True)
        for binding in (await segments.of_members(connection, ["demo"]))[0]:
            segment = binding.segment
            if segment.dmp_id is None:
                await segments.bind(connection, segment, 100 + segment.id, bound_at=1.0, ad_segment=None)
                await segments.change(connection, segment.id, status="READY", status_seen_at=now())
        await leases.announce(connection, replica, ["demo"])
        if before is not None:
            await leases.give_back(connection, before.member.grant, wait=0.0)
        grant = await leases.take(connection, MemberKey("demo"), replica, 3600.0)
    assert grant is not None
    tools = Tools(
        database=database,
        emit=events.append,
        monotonic=lambda: 1000.0,
        dice=lambda: 0.5,
        request_timeout=0.0,
        allow_names_only=False,
        origin=Origin(database, events.append),
        suppression=Suppression(None),
    )
    member = Member(
        key=MemberKey("demo"),
        application="default",
        grant=grant,
        transport=cast(Transport, None),
        tokens=cast(TokenSource, None),
        roads={name: Road(name, tools.monotonic) for name in ("users", "companies")},
        pacers={},
        trusted_until=float("inf"),
    )
    await refresh.load(member, tools)
    lane = next(lane for lane in member.lanes() if lane.segment.key == key)
    resyncer = Resyncer(
        database=database,
        grant=grant,
        emit=events.append,
        wishes=operations.wishes(settings),
        fuse=settings.resync.fuse,
        allow_names_only=False,
        suppressed=tools.suppression.named,
    )
    there = {} if before is None else before.there
    sent = [] if before is None else before.sent
    return Hand(
        database=database,
        settings=settings,
        member=member,
        tools=tools,
        lane=lane,
        resyncer=resyncer,
        there=there,
        events=events,
        sent=sent,
    )


def segment_of(hand: Hand) -> Segment:
    return hand.lane.segment
