"""What every benchmark must be right about: who is in each segment, what became of every row, and no window over a limit.

Millions of people are compared by their number and the exclusive or of their hashes: the committed ones, computed here
from their addresses; those of the ledger, by SQL; those of the sandbox, from its own list. Runs that are small enough are judged
by the checker of the faults too, element by element.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import func, select

from syncd.store.tables import dead_letters, ledger, segments
from tests.acceptance.crm import busiest_minute
from tests.benchmarks.ground import REQUEST_TIMEOUT, Ground
from tests.faults.checker import check
from tests.faults.evidence import Evidence, read_record, read_tables
from tests.faults.surfaces import surfaces

Print = tuple[int, int]
"""How many, and the exclusive or of the first eight bytes of their hashes."""


def of_people(addresses: Iterable[str]) -> Print:
    return _print(int.from_bytes(hashlib.sha256(one.encode()).digest()[:8]) for one in addresses)


async def at_linkedin(ground: Ground, segment: str) -> Print:
    held = await ground.rig.members_of(segment)
    return _print(int(one.partition(":")[2][:16], 16) for one in held)


async def in_ledger(ground: Ground, segment: str) -> Print:
    number = await ground.rig.scalar(select(segments.c.id).where(segments.c.key == segment))
    async with ground.rig.database.begin() as connection:  # a cursor lives in a transaction
        statement = select(ledger.c.identity).where(ledger.c.segment_id == number, ledger.c.present)
        found = await connection.stream(statement.execution_options(yield_per=10_000))
        total = count = 0
        async for many in found.scalars().partitions():
            for identity in many:
                total ^= int.from_bytes(identity[1:9])
            count += len(many)
    return count, total


def _print(hashes: Iterable[int]) -> Print:
    total = count = 0
    for one in hashes:
        total ^= one
        count += 1
    return count, total


async def same_people(ground: Ground, segment: str, committed: Print) -> None:
    """Committed = ledger = LinkedIn."""
    ours, theirs = await in_ledger(ground, segment), await at_linkedin(ground, segment)
    assert ours == committed, f"{segment}: the ledger holds {ours[0]}, committed were {committed[0]}"
    assert theirs == committed, f"{segment}: LinkedIn holds {theirs[0]}, committed were {committed[0]}"


async def conserved(ground: Ground, committed: int) -> None:
    """Every committed row was taken and ended applied or superseded; none is dead, none waits."""
    totals = await ground.rig.totals()
    ended = totals["rows_applied"] + totals["rows_superseded"]
    assert totals["rows_taken"] == committed, f"{totals['rows_taken']} rows were taken, {committed} committed"
    assert ended == committed, f"{ended} rows ended well, {committed} were committed"
    assert await ground.rig.scalar(select(func.count()).select_from(dead_letters)) == 0
    assert await ground.rig.is_drained()


async def within_limits(ground: Ground) -> int:
    """No window of 60 seconds at the sandbox over a limit, no 429, nothing a correct client does not do; the most
    requests in a window.
    """
    requests = await ground.rig.requests()
    most = 0
    for resource, limit in (("users", ground.world.users), ("companies", ground.world.companies)):
        for member in ground.world.members:
            busiest = busiest_minute(requests, resource, member)
            assert busiest <= limit, f"{busiest} requests of {member} for {resource} in a minute"
            most = max(most, busiest)
    wrong = [
        one for one in requests if one["resource"] in {"users", "companies"} and not 200 <= (one["status"] or 0) < 300
    ]
    assert not wrong, f"{len(wrong)} requests were not accepted, e.g. {wrong[0]['status']}"
    assert await ground.rig.look("violations") == []
    return most


async def judged(ground: Ground) -> None:
    """Every invariant of the faults' checker, over what was written, sent and stored; does nothing where the sandbox
    wrote down no elements.
    """
    if ground.record is None:
        return
    rig = ground.rig
    tables = await read_tables(ground.url)
    requests = await rig.requests()
    kinds = {key: kind for key, kind, _ in ground.world.segments}
    evidence = Evidence(
        history=ground.history,
        tables=tables,
        elements=read_record(ground.record, requests),
        requests=requests,
        dmp=await rig.look("segments"),
        members={key: await rig.members_of(key) for key in kinds},
        violations=await rig.look("violations"),
        logs={ground.daemon.log.name: ground.daemon.log.read_text()},
        surfaces=await surfaces([ground.daemon], rig.sandbox, requests),
        kinds=kinds,
        tokens=list(rig.members.values()),
        limits={"users": ground.world.users, "companies": ground.world.companies},
        timeout=REQUEST_TIMEOUT,
    )
    assert len(evidence.history.rows) == sum(batch.taken for batch in tables.batches), "rows that nobody noted"
    verdict = check(evidence, healed=True)
    assert not verdict.broken, "; ".join(map(str, verdict.broken))
    assert verdict.looked["S1"] >= len(evidence.history.rows), "the checker saw fewer elements than rows"
