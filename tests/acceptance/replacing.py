"""Three replicas replaced one by one under load, as Kubernetes would, and one killed: who delivered when.

A gap is the time between two requests of a member that LinkedIn answered well, while every member has new changes all
the time; the sandbox's log tells it, by the one monotonic clock of the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import insert, select

from syncd.store.tables import leases, outbox, segments
from tests.acceptance.crm import busiest_minute
from tests.acceptance.rig import Process, Rig, digest

MEMBERS = tuple(f"m{number}" for number in range(8))
SEGMENTS = tuple((f"segment-{member}", "user", member) for member in MEMBERS)
REPLICAS = 3
_PAUSE = 0.1


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """Gaps in seconds, the longest of all members; `commits` is the longest between two commits of the CRM, below which no
    other can be. `spreads` are members by replica whenever they had settled.
    """

    clean: float
    killed: float
    bystanders: float
    commits: float
    spreads: list[list[int]]
    rows: int
    requests: int
    busiest_minute: int


@dataclass
class _Crm:
    """One new person a tenth of a second in every segment, until told to stop."""

    rig: Rig
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    commits: list[float] = field(default_factory=list)

    @property
    def people(self) -> int:
        return len(self.commits)

    async def run(self) -> None:
        while not self.stop.is_set():
            payload = self.rig.payload({"email": f"p{self.people}@example.com"})
            rows = [{"segment_key": key, "action": "ADD", "payload": payload} for key, _, _ in SEGMENTS]
            async with self.rig.database.begin() as connection:
                await connection.execute(insert(outbox), rows)
            self.commits.append(time.monotonic())
            await asyncio.sleep(_PAUSE)


async def replace_one_by_one(rig: Rig) -> Replaced:
    """Fails on a wrong result: a person missing or left over, a row not accounted for, a window over the limit, leases that
    are not spread evenly.
    """
    replicas = [await rig.daemon() for _ in range(REPLICAS)]
    await rig.wait_until(lambda: _bound(rig), "segments are bound", *replicas, seconds=120)
    spreads = [await _even(rig, replicas)]
    crm = _Crm(rig)
    writing = asyncio.create_task(crm.run())
    numbers = await _deliver(rig, replicas)
    begun = time.monotonic()
    for place, old in enumerate(list(replicas)):
        old.child.terminate()
        replicas[place] = await rig.daemon()
        assert await old.child.wait() == 0
    spreads.append(await _even(rig, replicas))
    await _deliver(rig, replicas)
    replaced = time.monotonic()
    victims = await _held_by(rig, replicas[0])
    await replicas[0].kill()
    spreads.append(await _even(rig, replicas[1:]))
    await _deliver(rig, replicas[1:])
    replicas[0] = await rig.daemon()
    spreads.append(await _even(rig, replicas))
    await _deliver(rig, replicas)
    ended = time.monotonic()
    crm.stop.set()
    await writing
    await rig.wait_until(rig.is_quiet, "all is settled", *replicas, seconds=180)
    requests = await rig.requests()
    await _judge(rig, crm, requests)
    for replica in replicas:
        assert await replica.stop() == 0
    sent = {member: _answered(requests, member) for member in numbers}
    return Replaced(
        clean=max(_longest(sent[member], begun, replaced) for member in MEMBERS),
        killed=max(_longest(sent[member], replaced, ended) for member in victims),
        bystanders=max(_longest(sent[member], replaced, ended) for member in MEMBERS if member not in victims),
        commits=_longest(crm.commits, begun, ended),
        spreads=spreads,
        rows=crm.people * len(SEGMENTS),
        requests=len(requests),
        busiest_minute=max(busiest_minute(requests, "users", member) for member in MEMBERS),
    )


async def _judge(rig: Rig, crm: _Crm, requests: Sequence[Mapping[str, Any]]) -> None:
    everybody = {digest(f"p{number}@example.com") for number in range(crm.people)}
    for key, _, _ in SEGMENTS:
        held = await rig.members_of(key)
        assert held == everybody, f"{key}: {len(held)} at LinkedIn, {len(everybody)} in the CRM"
    totals = await rig.totals()
    assert totals["rows_taken"] == totals["rows_applied"] + totals["rows_superseded"] == crm.people * len(SEGMENTS)
    assert await rig.dead() == 0
    assert await rig.look("violations") == []
    assert all(busiest_minute(requests, "users", member) <= 500 for member in MEMBERS)


async def _bound(rig: Rig) -> bool:
    return await rig.scalar(select(segments.c.id).where(segments.c.dmp_id.is_(None)).limit(1)) is None


async def _even(rig: Rig, replicas: Sequence[Process]) -> list[int]:
    """Waits until the members are spread as evenly as they can be; how many each replica has."""
    least, more = divmod(len(MEMBERS), len(replicas))
    wanted = sorted([least + 1] * more + [least] * (len(replicas) - more))

    async def spread() -> list[int]:
        found = sorted(Counter((await _owners(rig)).values()).values())
        return found if found == wanted else []

    found: list[int] = await rig.wait_until(spread, f"leases are spread {wanted}", *replicas, seconds=120)
    return found


async def _owners(rig: Rig) -> dict[str, str]:
    async with rig.database.read() as connection:
        rows = await connection.execute(select(leases.c.member, leases.c.owner).where(leases.c.owner.is_not(None)))
        return {str(member): str(owner) for member, owner in rows}


async def _held_by(rig: Rig, replica: Process) -> set[str]:
    """A replica's name has its process in the middle."""
    return {member for member, owner in (await _owners(rig)).items() if owner.split("-")[-2] == str(replica.pid)}


async def _deliver(rig: Rig, replicas: Sequence[Process]) -> set[str]:
    """Waits until every member has delivered something new; the members."""
    since = time.monotonic()
    async with rig.http.get(f"{rig.sandbox.url}/_sandbox") as answer:
        before = int((await answer.json())["requests"])

    async def all_went() -> set[str]:
        requests = await rig.requests(before)
        went = {member for member in MEMBERS if any(moment > since for moment in _answered(requests, member))}
        return went if len(went) == len(MEMBERS) else set()

    found: set[str] = await rig.wait_until(all_went, "every member delivers", *replicas, seconds=120, pause=0.5)
    return found


def _answered(requests: Sequence[Mapping[str, Any]], member: str) -> list[float]:
    """When a member's requests were answered well."""
    ours = (one for one in requests if one["member"] == member and one["resource"] == "users")
    return sorted(one["finished"] for one in ours if one["finished"] is not None and 200 <= (one["status"] or 0) < 300)


def _longest(moments: Sequence[float], begun: float, ended: float) -> float:
    """The longest pause between two of them, and at both ends."""
    within = [begun, *(moment for moment in moments if begun < moment < ended), ended]
    return max(after - before for before, after in pairwise(within))
