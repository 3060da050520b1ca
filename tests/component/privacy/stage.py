"""The road of one member without LinkedIn: intake and settlement are the real ones, and every batch is accepted on demand."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import insert, update

from syncd.domain.events import Event
from syncd.domain.segment import MemberKey
from syncd.domain.settlement import Dead, Step
from syncd.domain.suppression import SuppressionKey
from syncd.operations import voices
from syncd.pipeline import refresh, settle
from syncd.pipeline.intake import gather
from syncd.pipeline.lanes import Lane, Road, Turn
from syncd.pipeline.member import Member, Tools
from syncd.pipeline.origin import Origin
from syncd.pipeline.resend import resend
from syncd.pipeline.suppress import Suppression
from syncd.reconcile.erase import Eraser
from syncd.settings import Erasure, Settings
from syncd.store import leases, segments
from syncd.store.engine import Database
from syncd.store.tables import outbox
from syncd.store.tables import segments as segment_rows
from tests.component.operations.conftest import made
from tests.component.operations.road import ACCOUNT

KEY = Fernet.generate_key().decode()
DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc"


def hashes(email: str) -> tuple[str, str]:
    return hashlib.sha256(email.encode()).hexdigest(), hashlib.sha512(email.encode()).hexdigest()


def keyed(url: str, folder: Path) -> Settings:
    return made(url, folder, erasure=Erasure(key=SecretStr(KEY)))


@dataclass
class Stage:
    database: Database
    settings: Settings
    member: Member
    tools: Tools
    eraser: Eraser
    events: list[Event] = field(default_factory=list)

    @classmethod
    async def built(cls, database: Database, settings: Settings, *, key: str | None = KEY) -> Stage:
        declared = [
            segments.Declared(key=name, name=name, kind=kind, account=ACCOUNT, member="demo")
            for name, kind in (("trial", "user"), ("paid", "user"), ("firms", "company"))
        ]
        async with database.begin() as connection:
            await segments.declare(connection, {"demo": "default"}, declared, declared=True)
            await connection.execute(update(segment_rows).values(dmp_id=segment_rows.c.id + 1_000))
            await leases.announce(connection, "here", ["demo"])
            grant = await leases.take(connection, "demo", "here", 3_600.0)
        assert grant is not None
        suppression = Suppression(SuppressionKey(key) if key else None)
        events: list[Event] = []
        origin = Origin(database, events.append)
        transport = voices.transport(settings)
        member = Member(
            key=MemberKey("demo"),
            application="default",
            grant=grant,
            transport=transport,
            tokens=voices.tokens(settings, settings.members[0], transport, database),
            roads={name: Road(name, time.monotonic) for name in ("users", "companies")},
            pacers={},
            trusted_until=float("inf"),
        )
        tools = Tools(
            database=database,
            emit=events.append,
            monotonic=time.monotonic,
            dice=lambda: 0.5,
            request_timeout=0.0,
            allow_names_only=False,
            origin=origin,
            suppression=suppression,
        )
        eraser = Eraser(
            database=database,
            grant=grant,
            emit=events.append,
            key=suppression.key,
            quiet=member.held_back,
        )
        stage = cls(database, settings, member, tools, eraser, events)
        await refresh.refresh([member], tools)
        return stage

    @classmethod
    async def built_again(cls, other: Stage, *, key: str | None) -> Stage:
        """The same road with another key."""
        suppression = Suppression(SuppressionKey(key) if key else None)
        return replace(other, tools=replace(other.tools, suppression=suppression))

    def lane(self, key: str) -> Lane:
        return next(lane for lane in self.member.lanes() if lane.segment.key == key)

    async def commit(
        self, segment: str, payload: Mapping[str, object], *, action: str = "ADD", subject: str | None = None
    ) -> int:
        given: object = payload if self.database.is_postgresql else json.dumps(payload)
        row = {"segment_key": segment, "action": action, "subject_id": subject, "payload": given}
        async with self.database.begin() as connection:
            return int((await connection.execute(insert(outbox).values(row).returning(outbox.c.id))).scalar_one())

    async def take(self, *keys: str) -> None:
        """Intake of everything that waits in some segments, of all if none is named."""
        for lane in self.member.lanes():
            if not keys or lane.segment.key in keys:
                lane.waiting = True
                while lane.waiting:
                    await gather(lane, self.member, self.tools)

    async def accept(self, *keys: str, refused: bool = False, uncertain: bool = False) -> None:
        """LinkedIn accepts everything that stands in open batches, or refuses it."""
        for road in self.member.roads.values():
            for lane in road.lanes.values():
                if keys and lane.segment.key not in keys:
                    continue
                while going := [batch for batch in lane.batches if not batch.behind]:
                    batch = going[0]
                    part = batch.journey.parts[0]
                    if uncertain:
                        batch.journey.uncertain.update(part.indexes)
                    step = Step(part=part, refusals=0, uuid="support-id")
                    if refused:
                        step.refused = [Dead(index, 400, "no such person") for index in part.indexes]
                    else:
                        step.accepted = part.indexes
                    batch.in_flight.add(part)
                    await settle.record(lane, batch.journey, step, self.member, self.tools)
                    road.settle(Turn(lane, batch, part), step)

    async def resend(self, key: str) -> None:
        await refresh.refresh([self.member], self.tools)
        await resend(self.lane(key), self.member, self.tools)

    async def erase(self, rounds: int = 12) -> None:
        """The loop at the owner, with everything taken and accepted in between."""
        for _ in range(rounds):
            await self.eraser.look()
            await self.take()
            await self.accept()
            for lane in list(self.member.lanes()):
                if lane.segment.parked is None:
                    await self.resend(lane.segment.key)
            await self.accept()
