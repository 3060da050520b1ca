"""What becomes of a segment at LinkedIn behind our back: it expires, is emptied, vanishes, comes back (A20, A21, §3.7)."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from tests.acceptance.rig import Process
from tests.faults.answers import USERS, status
from tests.faults.processes import changes, workload
from tests.faults.scenario import scenario
from tests.faults.stage import Stage

YOUNG_NO_MORE = """
from syncd.reconcile import track as _track
_track.NEWBORN = 0.0
from syncd.domain import settlement as _settlement
_settlement.NEWBORN = 0.0
"""
AUTOMATIC = {"SYNCD_RESYNC__AFTER_EXPIRY": "replay"}
_ROUND = ("BUILDING", "READY", "UPDATING", "READY", "ARCHIVED", "BUILDING", "ARCHIVED", "EXPIRED", "BUILDING", "FAILED")
_ODD = ("READY", "FAILED", "UPDATING", "ERROR", "READY", "BUILDING")
"""Ways that reference 002 does not know."""


async def number_of(stage: Stage, key: str = "red") -> int:
    return int((await stage.rig.dmp_segments())[key]["id"])


async def force(stage: Stage, *, key: str = "red", clear: bool = False, to: str) -> None:
    """Puts a segment into a status; `clear` empties it, as expiry does."""
    await stage.rig.control(f"segments/{await number_of(stage, key)}", {"status": to, "clear": clear}, "PATCH")


async def seen(stage: Stage, to: str, *alive: Process, key: str = "red") -> None:
    """Until the tracker has written a status down."""

    async def written() -> bool:
        found = [one.after for one in (await stage.tables()).transitions if one.segment == key]
        return bool(found) and found[-1] == to

    await stage.until(written, f"{key} is seen {to}", *alive)


async def parked(stage: Stage, reason: str, *alive: Process, key: str = "red") -> None:
    async def is_parked() -> bool:
        return (await stage.tables()).parked.get(key) == reason

    await stage.until(is_parked, f"{key} parks: {reason}", *alive)


async def asked(stage: Stage, number: int) -> int:
    return len([one for one in await stage.rig.requests() if one["resource"] == "users" and one["segment"] == number])


async def waits(stage: Stage, number: int, *alive: Process) -> None:
    """New rows go nowhere while nobody has chosen how to repair the segment; the other segment goes on."""
    before = await asked(stage, number)
    await stage.commit("red", changes(range(50, 60)) + changes(range(2), "REMOVE"))
    await stage.commit("blue", changes(range(50, 55)))

    async def others_went() -> bool:
        return stage.key(54) in await stage.rig.members_of("blue")

    await stage.until(others_went, "the other segment goes on", *alive)
    assert await asked(stage, number) == before, "it sends to a segment that was emptied"
    assert any(segment == "red" for _, segment in (await stage.tables()).pending), "rows do not wait"


@scenario("a segment expires under our eyes: rows wait, replay repairs", "A20", quick=True, expects=["segment expired"])
async def expires(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await force(stage, to="EXPIRED", clear=True)
    await parked(stage, "expired", daemon)
    await waits(stage, await number_of(stage), daemon)
    await stage.command("resync", "red", "--mode", "replay", "--reason", "it expired")
    await stage.end(daemon)


@scenario(
    "a segment expires while nobody looks: no row reaches it before it is repaired", "A20", expects=["segment expired"]
)
async def expires_unseen(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await force(stage, to="ARCHIVED")
    await seen(stage, "ARCHIVED", daemon)
    await daemon.stop()
    await stage.execute("update syncd.segments set status_seen_at = status_seen_at - interval '60 days'")
    await force(stage, to="EXPIRED", clear=True)
    await workload(stage, 1)
    number = await number_of(stage)
    before = await asked(stage, number)
    daemon = await stage.daemon()
    await parked(stage, "expired", daemon)
    assert await asked(stage, number) == before, "it sent before it looked"
    await waits(stage, number, daemon)
    await stage.command("resync", "red", "--mode", "replay", "--reason", "it expired")
    await stage.end(daemon)


@scenario("a segment expires and policy repairs it by itself", "A20", settings=AUTOMATIC, expects=["segment expired"])
async def repairs_itself(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await force(stage, to="EXPIRED", clear=True)
    await seen(stage, "EXPIRED", daemon)
    await stage.commit("red", changes(range(60, 65)))
    await stage.end(daemon)


@scenario("a segment is emptied behind our back", "A20", "A21", settings=AUTOMATIC, expects=["segment purged"])
async def emptied(stage: Stage) -> None:
    """EXPIRED passed unseen: only the audience tells."""
    daemon = await stage.daemon()
    await stage.commit("red", changes(range(1200)))
    await stage.quiet(daemon)
    await force(stage, to="READY")
    await stage.until(lambda: _audience(stage), "the audience is known", daemon)
    await force(stage, to="BUILDING", clear=True)
    await stage.until(lambda: daemon.events("segment_parked"), "the purge is noticed", daemon)
    await stage.end(daemon)


async def _audience(stage: Stage) -> bool:
    return ((await stage.tables()).audiences.get("red") or 0) >= 300


@scenario("a replay of what LinkedIn holds changes nothing there", "A21", expects=["resync"])
async def replays_needlessly(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await workload(stage, 1)
    await stage.quiet(daemon)
    before, at = await stage.rig.members_of("red"), len(await stage.rig.requests())
    await stage.command("resync", "red", "--mode", "replay", "--reason", "to be sure")
    await stage.until(lambda: daemon.events("resync_ended"), "it goes out again", daemon)
    await stage.quiet(daemon)
    assert await stage.rig.members_of("red") == before
    numbers = {one["n"] for one in (await stage.rig.requests())[at:] if one["resource"] == "users"}
    again = [one for one in (await stage.evidence()).elements if one.n in numbers]
    assert {key for one in again for key in one.keys} == before, "a replay is what the ledger holds, each once"
    assert len(again) == len(before)
    assert all(one.action == "ADD" for one in again)
    stage.looked["V3"] += len(again)
    await stage.end(daemon)


@scenario("members drift at LinkedIn: a replay brings back whoever is missing", "A21", expects=["resync"])
async def drifts(stage: Stage) -> None:
    """LinkedIn lists no members, so nobody can see the drift; who is there without us stays (only a reconcile of a known
    source can tell, and that is not here).
    """
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    gone = sorted(await stage.rig.members_of("red"))[:3]
    await stage.rig.control(f"segments/{await number_of(stage)}", {"remove": gone}, "PATCH")
    assert set(gone).isdisjoint(await stage.rig.members_of("red"))
    await stage.command("resync", "red", "--mode", "replay", "--reason", "drift")
    await stage.until(lambda: daemon.events("resync_ended"), "it goes out again", daemon)
    stage.looked["V3"] += len(gone)
    await stage.end(daemon)


@scenario(
    "kill -9 twice in a replay, with live changes all the time",
    "P1",
    "D9",
    expects=["resync", "resync overlap", "takeover"],
    limits={"users": 60, "companies": 60},
)
async def dies_in_a_resync(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.commit("red", changes(range(22_000)))
    await stage.quiet(daemon)
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(segments=["red"], pause=0.4).run(100_000, largest=10, stop=stop))
    await stage.command("resync", "red", "--mode", "replay", "--reason", "to die in it")
    for batches in (1, 2):
        await stage.until(lambda least=batches: _written(stage, least), "batches of it are written", daemon)
        await daemon.kill()
        daemon = await stage.daemon()
    await stage.until(lambda: daemon.events("resync_ended"), "the replay ends", daemon)
    stop.set()
    await writing
    await stage.end(daemon)


async def _written(stage: Stage, least: int) -> bool:
    return int(await stage.rig.scalar(text("select count(*) from syncd.batches where kind = 'resync'"))) >= least


@scenario(
    "every transition of the reference, and some that it does not know", "A20", expects=["undocumented transition"]
)
async def transitions(stage: Stage) -> None:
    daemon = await stage.daemon(env={**AUTOMATIC, "SYNCD_TRACKER__INTERVAL": "0.2"})
    await workload(stage, 0)
    await stage.quiet(daemon)
    for to in (*_ROUND, *_ODD):
        now = (await stage.rig.dmp_segments())["red"]["status"]
        if now != to:
            await force(stage, to=to)
            await seen(stage, to, daemon)
    await force(stage, to="READY")
    await seen(stage, "READY", daemon)
    await workload(stage, 1)
    await stage.end(daemon)


@scenario("a segment is gone and comes back: it goes on by itself", "A7", quick=True, prelude=YOUNG_NO_MORE)
async def comes_back(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    number = await number_of(stage)
    empty: dict[str, Any] = {"elements": [], "paging": {"start": 0, "count": 100, "total": 0, "links": []}}
    await stage.fault("", {"resource": "segments", "method": "FINDER"}, status(200, empty), times=-1)
    await stage.fault("", {"resource": "segments", "method": "GET"}, status(404), times=-1)
    await stage.fault("", USERS, status(404), times=-1)
    await stage.commit("red", changes(range(70, 75)))
    await parked(stage, "lost", daemon)
    await said_once(stage, daemon, "red", "lost")
    await stage.clear_faults()
    assert await number_of(stage) == number
    await stage.end(daemon)


@scenario("a segment was deleted at LinkedIn: another one is made and filled", "A7", "A20", prelude=YOUNG_NO_MORE)
async def recreated(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    number = await number_of(stage)
    await stage.rig.control(f"segments/{number}", {}, "DELETE")
    await parked(stage, "lost", daemon)
    await stage.commit("red", changes(range(70, 75)) + changes(range(2), "REMOVE"))
    await stage.command("segments", "recreate", "red")
    await stage.end(daemon)
    assert await number_of(stage) != number


async def said_once(stage: Stage, daemon: Process, key: str, reason: str) -> None:
    """Over many more tries: one line of the log, one row, one metric."""
    before = len([one for one in await stage.rig.requests() if one["resource"] == "users"])

    async def tried() -> bool:
        return len([one for one in await stage.rig.requests() if one["resource"] == "users"]) >= before + 3

    await stage.until(tried, "it is tried again and again", daemon)
    told = [one for one in daemon.events("segment_parked") if one["segment"] == key]
    assert len(told) == 1, f"said {len(told)} times"
    assert told[0]["reason"] == reason
    assert len(told[0]["words"]) > 3
    wanted = f'syncd_segment_parked{{reason="{reason}",segment="{key}"}} 1.0'
    assert wanted in await stage.metrics(daemon), "no metric says so"


@scenario("an outage: no storm, and nothing is lost", "A13", expects=["fault status"])
async def outage(stage: Stage) -> None:
    """Everything fails: after a few requests one probe at a time asks whether it is over."""
    daemon = await stage.daemon("import syncd.pipeline.intake as _intake\n_intake.MOST_ELEMENTS = 3\n")
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.fault("", USERS, status(503), times=-1)
    at = len(await stage.rig.requests())
    writing = asyncio.create_task(stage.writer(pause=0.02).run(600))
    await asyncio.sleep(6.0)
    sent = [one for one in (await stage.rig.requests())[at:] if one["resource"] == "users"]
    assert 3 <= len(sent) <= 24, f"{len(sent)} requests in six seconds of an outage"
    told = daemon.events("resource_backed_off")
    assert told, "nobody was told"
    await writing
    await stage.end(daemon)
