"""Processes that die, freeze, stop and start (reliability.md P1, P7–P12, P16)."""

from __future__ import annotations

import asyncio
import json
import signal
import time

from sqlalchemy import text

from tests.acceptance.rig import Process
from tests.faults import preludes
from tests.faults.history import Change, person
from tests.faults.proxy import Cut
from tests.faults.scenario import Play, scenario
from tests.faults.stage import LEASE, TIMEOUT, Stage

QUICK_POINTS = {
    "rows taken, in the transaction",
    "batch stored",
    "after the answer",
    "batch settled, in the transaction",
    "created, id not stored",
}
MOST_HITS = 40
"""A point that is still reached then is reached for ever: the sweep fails."""
_ORDERED = "select count(*) from syncd.resyncs where ended_at is null"
_OLD = """
    insert into syncd.audit (actor, door, action, target, at)
    select case when n > 12 then 'young' else 'old' end, 'cli', 'none', 'none',
           now() - case when n > 12 then 1 else 9000 end * interval '1 day' from generate_series(1, 15) as n
"""
"""Rows of which twelve were kept long enough."""
_FERNET = "ZmF1bHRzLWZhdWx0cy1mYXVsdHMtZmF1bHRzLWZhdWw="
FAST_PRUNE = """
from syncd.pipeline import watch as _watch
_watch._NOTE_HORIZON = 0.1
_watch.prune.__defaults__ = (0.0,)
"""
SOON_STALE = """
from syncd.linkedin import auth as _auth
_auth.FRESH, _auth._PAUSE, _auth._LOOK_AGAIN = 0.3, 0.2, 0.5
"""
"""A token stops being new, and a failure is forgotten, sooner than real ones."""
STOP_BEFORE_SENDING = """
import os as _os, signal as _signal
from syncd.pipeline import deliver as _deliver
_whole = _deliver._sent
_left = [int(_os.environ.get("STOP_NTH", "1"))]
async def _sent(flight, going):
    _left[0] -= 1
    if _left[0] == 0:
        _os.kill(_os.getpid(), _signal.SIGSTOP)
    return await _whole(flight, going)
_deliver._sent = _sent
"""


def with_refresh(stage: Stage) -> dict[str, str]:
    """Settings of members that refresh their tokens themselves."""
    members = []
    stage.secrets.add(_FERNET)
    for key in stage.members:
        for name, secret in (("refresh", f"refresh-{key}"), ("secret", "demo-secret")):
            stage.secrets.add(secret)
            (stage.directory / f"{key}.{name}").write_text(secret)
        members.append(
            {
                "key": key,
                "access_token_file": str(stage.directory / f"{key}.token"),
                "refresh_token_file": str(stage.directory / f"{key}.refresh"),
                "client_id": "demo-app",
                "client_secret_file": str(stage.directory / f"{key}.secret"),
            }
        )
    return {"SYNCD_MEMBERS": json.dumps(members), "SYNCD_SECRET_KEYS": _FERNET}


def changes(numbers: range, action: str = "ADD") -> list[Change]:
    return [(action, person(number), None) for number in numbers]


async def workload(stage: Stage, turn: int) -> None:
    """A little of everything: people who come and go in two segments."""
    base = turn * 3
    await stage.commit("red", changes(range(base, base + 8)))
    await stage.commit("blue", changes(range(4)) + changes(range(base, base + 3), "REMOVE"))
    await stage.commit("red", [*changes(range(base + 2, base + 4), "REMOVE"), ("ADD", {"email": "no"}, None)])


async def died(process: Process, stage: Stage, seconds: float = 40.0) -> bool:
    """Waits until a daemon is dead or all is quiet; whether it died."""
    deadline = time.monotonic() + seconds
    while process.child.returncode is None:
        if await stage.is_quiet():
            return False
        assert time.monotonic() < deadline, "neither dead nor quiet"
        await asyncio.sleep(0.05)
    return True


async def _refuse_one(stage: Stage, nth: int) -> None:
    """What is not accepted whole is settled in a transaction of several statements."""
    number = 5_000 + nth
    stage.refused.add(stage.key(number))
    where = {"resource": "users", "contains": [stage.hash(number)]}
    await stage.fault("", where, {"kind": "refuse_elements", "status": 400}, times=-1)
    await stage.commit("red", changes(range(number, number + 1)))


def sweep(point: str) -> Play:
    """Kills at the point's first hit, its second, … until it is not reached any more."""

    async def play(stage: Stage) -> None:
        leaving = point in {"lease given back, in the transaction", "replica gone"}
        more = with_refresh(stage) if point.startswith("token") else {}
        prelude = preludes.crash(point) + (FAST_PRUNE if point.startswith(("pruning", "expiring")) else "")
        if point.startswith("expiring"):
            prelude += "from syncd.store import retention as _retention\n_retention._AT_ONCE = 4\n"
            await stage.execute(_OLD)
        if point.startswith("replay"):
            first = await stage.daemon()
            await workload(stage, 0)
            await stage.quiet(first)
            await first.stop()
        for nth in range(1, MOST_HITS + 1):
            await workload(stage, nth)
            if point.startswith("replay") and not await stage.rig.scalar(text(_ORDERED)):
                await stage.command("resync", "red", "--mode", "replay", "--reason", "to die in it")
            if point.startswith("re-assertion"):
                await stage.fault("", {"resource": "users"}, {"kind": "reset", "apply": True})
            if point in {"ledger written, in the transaction", "batch settled, in the transaction"}:
                await _refuse_one(stage, nth)
            if more:
                await stage.rig.control("tokens", {"do": "expire", "member": "ads"})
            daemon = await stage.daemon(prelude, ready=False, env={"CRASH_POINT": point, "CRASH_NTH": str(nth), **more})
            dead = await died(daemon, stage)
            if not dead and leaving:
                await daemon.stop()
                dead = daemon.child.returncode == -signal.SIGKILL
            stage.seen["kill -9 at a crash point"] += dead
            if not dead:
                await daemon.stop()
                stage.seen["crash point exhausted"] += 1
                stage.figures.append(f"reached {nth - 1} times, then no more")
                break
            assert daemon.child.returncode == -signal.SIGKILL, f"ended with {daemon.child.returncode}"
            await stage.judge()
        else:
            raise AssertionError(f"the point is still reached after {MOST_HITS} deaths")
        await stage.clear_faults()
        daemon = await stage.daemon(env=more)
        await workload(stage, 0)
        await stage.end(daemon)
        assert stage.seen["kill -9 at a crash point"], "the point was never reached"
        if point.startswith("expiring"):
            assert await stage.rig.scalar(text("select array_agg(actor) from syncd.audit")) == ["young"] * 3

    return play


for _point in preludes.CRASH_POINTS:
    scenario(f"kill -9: {_point}", "P1", quick=_point in QUICK_POINTS, expects=["kill -9 at a crash point"])(
        sweep(_point)
    )


@scenario("kill -9 while the request is on its way up", "P1", quick=True, expects=["takeover"])
async def mid_upload(stage: Stage) -> None:
    for at in (1, 600, 4_000):
        daemon = await stage.daemon(proxied="sandbox")
        dead = asyncio.Event()

        def strike(victim: Process = daemon, struck: asyncio.Event = dead) -> None:
            victim.signal(signal.SIGKILL)
            struck.set()

        stage.to_sandbox.up.cut = Cut(at=at, pattern=b"BATCH_CREATE", how="fin", then=strike)
        await stage.commit("red", changes(range(at % 7, at % 7 + 60)))
        await asyncio.wait_for(dead.wait(), 30)
        await daemon.child.wait()
        await stage.judge()
    await stage.end(await stage.daemon())


@scenario(
    "kill -9 after LinkedIn applied, before it answered", "P1", "A14", quick=True, expects=["takeover", "re-assertion"]
)
async def after_applied(stage: Stage) -> None:
    for turn in range(2):
        daemon = await stage.daemon()
        await stage.fault("", {"resource": "users"}, {"kind": "hang", "apply": "before", "seconds": 5})
        applied = len(stage.record.read_text().splitlines()) if stage.record.exists() else 0
        await workload(stage, turn)
        await stage.until(
            lambda before=applied: stage.record.exists() and len(stage.record.read_text().splitlines()) > before,
            "LinkedIn applied it",
            daemon,
        )
        await daemon.kill()
        await stage.judge()
    await stage.end(await stage.daemon())


@scenario("kill -9 at random under load", "P1", "P12", "D6", expects=["takeover", "late-commit row"])
async def at_random(stage: Stage) -> None:
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    for _ in range(6):
        daemon = await stage.daemon()
        await asyncio.sleep(stage.dice.uniform(0.1, 1.5) + LEASE)
        await daemon.kill()
        await stage.judge()
    stop.set()
    await writing
    await stage.end(await stage.daemon())


@scenario(
    "three replicas started at once and rolled over",
    "P7",
    expects=["takeover"],
    members={"ads": "canary-a", "bids": "canary-b"},
    kinds={"red": "user", "blue": "user", "green": "user"},
)
async def rolled(stage: Stage) -> None:
    replicas = list(await asyncio.gather(*(stage.daemon() for _ in range(3))))
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    for turn in range(3):
        await asyncio.sleep(0.4)
        victim = replicas.pop(0)
        if turn == 1:
            await victim.kill()
        else:
            assert await victim.stop() == 0
        replicas.append(await stage.daemon())
    await stage.until(lambda: stage.settled(4), "batches are settled", *replicas)
    stop.set()
    await writing
    await stage.end(*replicas)


@scenario("two replicas race for a new member", "P7", "A8", quick=True, expects=["fault latency"])
async def two_at_once(stage: Stage) -> None:
    await stage.fault("", {"resource": "segments", "method": "CREATE"}, {"kind": "latency", "seconds": 0.4}, times=4)
    first, second = await asyncio.gather(stage.daemon(), stage.daemon())
    await workload(stage, 0)
    await stage.until(lambda: stage.settled(1), "something is settled", first, second)
    await first.stop()
    await workload(stage, 1)
    await stage.end(second)


@scenario(
    "SIGSTOP longer than the lease, then SIGCONT", "P8", quick=True, expects=["takeover", "lease lost to another"]
)
async def frozen(stage: Stage) -> None:
    first = await stage.daemon()
    await stage.until(lambda: first.events("lease_taken"), "the first owns the member", first)
    second = await stage.daemon()
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    await stage.until(lambda: stage.settled(2), "it sends", first, second)
    stage.freeze(first)
    stage.zombies = True  # what was in flight may land later
    await stage.until(lambda: second.events("lease_taken"), "the second takes over", second)
    await asyncio.sleep(0.3)
    stage.thaw(first)
    await stage.until(lambda: first.events("lease_ended"), "the first notices", first, second)
    await asyncio.sleep(0.3)
    stop.set()
    await writing
    await stage.end(first, second)


@scenario(
    "frozen right before the socket, awake after the takeover",
    "P8",
    quick=True,
    expects=["takeover", "lease lost to another"],
)
async def frozen_at_the_socket(stage: Stage) -> None:
    await _frozen_at_the_socket(stage, 0.0)


@scenario(
    "frozen right before the socket, awake after every re-assertion",
    "P8",
    expects=["takeover", "lease lost to another"],
)
async def frozen_too_long(stage: Stage) -> None:
    await _frozen_at_the_socket(stage, 1.0)


async def _frozen_at_the_socket(stage: Stage, longer: float) -> None:
    """The zombie holds ADDs in its hand which the new owner sends and then takes back."""
    first = await stage.daemon(STOP_BEFORE_SENDING)
    await stage.until(lambda: first.events("lease_taken"), "the first owns the member", first)
    stage.zombies = True
    await stage.commit("red", changes(range(20)))
    second = await stage.daemon()
    await stage.until(lambda: second.events("lease_taken"), "the second takes over", second)
    await stage.commit("red", changes(range(10), "REMOVE"))
    if longer:
        await stage.quiet(second)
        await asyncio.sleep(longer)
    else:
        await stage.until(lambda: stage.settled(2), "both are settled", second)
    stage.thaw(first)
    await stage.until(lambda: first.events("lease_ended"), "the first notices", first, second)
    await stage.end(first, second)


@scenario("the owner alone loses its database", "P9", quick=True, expects=["takeover", "database failed"])
async def partitioned(stage: Stage) -> None:
    first = await stage.daemon(proxied="database")
    await stage.until(lambda: first.events("lease_taken"), "the first owns the member", first)
    second = await stage.daemon()
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    await stage.until(lambda: stage.settled(2), "it sends", first, second)
    stage.to_database.blackhole()
    await stage.until(lambda: second.events("lease_taken"), "the second takes over", second)
    taken = time.monotonic()
    await stage.until(lambda: stage.settled(4), "the second works", second)
    late = [one["n"] for one in await stage.rig.requests() if one["agent"].endswith(".1") and one["arrived"] > taken]
    assert not late, f"the old owner still sends: {late[:3]}"
    stop.set()
    await writing
    stage.to_database.reset_all()
    await stage.end(first, second)


@scenario("a clock a day ahead, then a day behind", "P10")
async def clocks(stage: Stage) -> None:
    for turn, shift in enumerate((86_400, -86_400)):
        daemon = await stage.daemon(f"import time as _time\n_now = _time.time\n_time.time = lambda: _now() + {shift}\n")
        await workload(stage, turn)
        await stage.quiet(daemon)
        assert await daemon.stop() == 0
    await stage.end(await stage.daemon())


@scenario(
    "SIGTERM in the middle of batches", "P11", quick=True, expects=["SIGTERM mid-batch"], options=("--latency", "0.15")
)
async def terminated(stage: Stage) -> None:
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    for _ in range(4):
        daemon = await stage.daemon()
        before = len(await stage.rig.requests())
        await stage.until(lambda count=before: _sends_more(stage, count), "it sends", daemon)
        await asyncio.sleep(stage.dice.uniform(0.0, 0.3))
        stage.seen["SIGTERM mid-batch"] += any(one["finished"] is None for one in await stage.rig.requests())
        assert await daemon.stop(5.0) == 0
        clean = await stage.rig.scalar(text("select clean from syncd.leases"))
        assert clean, "the lease was not given back cleanly"
        await stage.judge()
    stop.set()
    await writing
    await stage.end(await stage.daemon())


async def _sends_more(stage: Stage, count: int) -> bool:
    requests = await stage.rig.requests()
    return any(one["resource"] == "users" for one in requests[count:])


@scenario("SIGTERM twice, and SIGKILL after SIGTERM", "P12", expects=["takeover"], options=("--latency", "0.6"))
async def terminated_twice(stage: Stage) -> None:
    for turn, last in enumerate((signal.SIGTERM, signal.SIGKILL)):
        daemon = await stage.daemon()
        before = len(await stage.rig.requests())
        await workload(stage, turn)
        await stage.until(lambda count=before: _sends_more(stage, count), "it sends", daemon)
        daemon.signal(signal.SIGTERM)
        await stage.until(lambda one=daemon: one.events("stopping"), "it stops")
        daemon.signal(last)
        assert await asyncio.wait_for(daemon.child.wait(), 5) == -last
        await stage.judge()
    await stage.end(await stage.daemon())


@scenario("SIGTERM while LinkedIn hangs", "P11", "A14", settings={"SYNCD_SHUTDOWN__DEADLINE": "0.5"})
async def terminated_hanging(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.fault("", {"resource": "users"}, {"kind": "hang", "apply": "before", "seconds": 3})
    await workload(stage, 0)
    await stage.until(lambda: stage.record.exists() and stage.record.read_text(), "LinkedIn applied it", daemon)
    begun = time.monotonic()
    assert await daemon.stop(5.0) == 0
    assert time.monotonic() - begun < 0.5 + TIMEOUT + 2.0, "the stop took too long"
    await stage.judge()
    await stage.end(await stage.daemon())


@scenario("the token file changes while it runs", "P16", quick=True)
async def rotated(stage: Stage) -> None:
    daemon = await stage.daemon()
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.03).run(100_000, stop=stop))
    for turn in range(3):
        await stage.issue("ads", f"canary-new-{turn}")
        await asyncio.sleep(0.3)
        await stage.rig.control(
            "tokens", {"do": "expire", "token": f"canary-new-{turn - 1}" if turn else "canary-token-ads"}
        )
        await asyncio.sleep(0.3)
    stop.set()
    await writing
    await stage.end(daemon)
    refused = [one for one in await stage.rig.requests() if one["status"] == 401]
    assert len(refused) <= 3, f"{len(refused)} requests with an old token"


@scenario("a storm of expired tokens", "A4", quick=True, expects=["token refreshed"], prelude=SOON_STALE)
async def expired(stage: Stage) -> None:
    more = with_refresh(stage)
    first = await stage.daemon(env=more)
    second = await stage.daemon(env=more)
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.02).run(100_000, stop=stop))
    for _ in range(3):
        await stage.until(lambda: stage.settled(1), "it sends", first, second)
        await stage.rig.control("tokens", {"do": "expire", "member": "ads"})
        asked = len([one for one in await stage.rig.requests() if one["resource"] == "oauth"])
        await stage.until(lambda count=asked: _refreshed(stage, count), "the token is refreshed", first, second)
        stage.seen["token refreshed"] += 1
    stop.set()
    await writing
    await stage.end(first, second)
    refused = sum(one["status"] == 401 for one in await stage.rig.requests())
    stage.seen["refresh race"] += refused > 3
    calls = [one for one in await stage.rig.requests() if one["resource"] == "oauth"]
    assert len(calls) <= 4, f"{len(calls)} refreshes for 3 expiries"


async def _refreshed(stage: Stage, count: int) -> bool:
    return len([one for one in await stage.rig.requests() if one["resource"] == "oauth"]) > count


@scenario(
    "a revoked member parks and another one goes on",
    "A5",
    quick=True,
    expects=["member parked"],
    members={"ads": "canary-a", "bids": "canary-b"},
)
async def revoked(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.rig.control("tokens", {"do": "revoke", "member": "ads", "refresh": True})
    await workload(stage, 1)
    await stage.until(lambda: daemon.events("member_parked"), "the member is parked", daemon)
    asked = len(await stage.rig.requests())
    await stage.until(lambda: stage.settled(3), "the other one goes on", daemon)
    await asyncio.sleep(0.4)
    refused = [one for one in (await stage.rig.requests())[asked:] if one["status"] == 401]
    assert len(refused) <= 8, f"a hot loop: {len(refused)} refused requests"
    await stage.judge()
    await stage.issue("ads", "canary-again")
    await stage.end(daemon)
