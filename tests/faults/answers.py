"""Answers that refuse, fail, lie, come late or never (reliability.md A1–A21)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from tests.faults.history import person
from tests.faults.processes import changes, workload
from tests.faults.proxy import Cut
from tests.faults.scenario import Play, scenario
from tests.faults.stage import Stage

SHORT_MINUTE = """
from syncd.domain import retry as _retry
_retry.MINUTE = 3.0
"""
MANY = """
import syncd.pipeline.intake as _intake
_intake.MOST_ELEMENTS = {most}
"""
"""Batches of a few rows, so that a short run has many requests."""
MINUTE = {"status": 429, "serviceErrorCode": 101, "message": "Too Many Requests"}
_DAY = "Resource level throttle {scope} DAY limit for calls to this resource is reached"
USERS = {"resource": "users"}


def status(code: int, body: object = None, **more: Any) -> dict[str, Any]:
    return {"kind": "status", "status": code, "body": body, **more}


def storm(effects: Sequence[Mapping[str, Any]], *, rate: float = 0.4, rows: int = 500) -> Play:
    """Arms faults that strike at random while the CRM writes; everything must be right once they are gone."""

    async def play(stage: Stage) -> None:
        daemon = await stage.daemon(MANY.format(most=12))
        for effect in effects:
            stage.zombies = stage.zombies or effect.get("apply") == "after" or effect["kind"] == "late"
            await stage.fault("", USERS, effect, rate=rate)
        await stage.writer(pause=0.06).run(rows)
        for _ in range(8):  # how many requests so many rows make depends on the machine
            if all(one["played"] for one in await stage.rig.look("faults")):
                break
            await stage.writer(pause=0.06).run(rows // 2)
        await asyncio.sleep(0.3)
        await stage.judge()
        await stage.end(daemon)

    return play


_ODD_BODIES = [
    '{"elements":[',
    "",
    "null",
    "[]",
    '{"elements":{}}',
    '{"elements":[[]]}',
    '{"elements":"x"}',
    "\x00\xff",
]
_STORMS: list[tuple[str, str, list[dict[str, Any]], float, tuple[str, ...], bool]] = [
    ("5xx, HTML, 408, 423 at 30 %", "A13", [status(500), status(502, "<html>Bad Gateway</html>", content_type="text/html"), status(503), status(504), status(408), status(423), status(500, apply=True)], 0.3, ("fault status",), True),
    ("hangs after applying", "A14", [{"kind": "hang", "apply": "before", "seconds": 2, "then": "close"}], 0.3, ("ambiguous request that was applied", "re-assertion"), True),
    ("hangs, then applies", "A14", [{"kind": "hang", "apply": "after", "seconds": 1.3, "then": "close"}], 0.3, ("re-assertion",), False),
    ("applies late", "A14", [{"kind": "late", "seconds": 1.5, "hang": 0.0}, {"kind": "late", "seconds": 0.5, "hang": 3.0}], 0.3, ("late apply", "re-assertion"), True),
    ("resets before and after applying", "A15", [{"kind": "reset"}, {"kind": "reset", "apply": True}, {"kind": "reset", "apply": True, "mode": "fin"}], 0.4, ("ambiguous request that was applied",), True),
    ("answers cut at a byte", "A15", [{"kind": "cut", "at": at} for at in (0, 1, 12, 30)], 0.3, ("fault cut",), False),
    ("slow drips, endless bodies, gzip bombs", "A16", [{"kind": "drip", "interval": 0.3}, {"kind": "endless"}, {"kind": "gzip_bomb", "bytes": 8 << 20}], 0.3, ("fault drip", "fault endless", "fault gzip_bomb"), False),
    ("wrong lengths", "A17", [{"kind": "length", "change": -1}, {"kind": "length", "change": 1}, {"kind": "length", "change": -1000}], 0.4, ("fault length",), True),
    ("malformed bodies", "A17", [{"kind": "null_element"}, {"kind": "extra_fields"}, *({"kind": "malformed", "body": body} for body in _ODD_BODIES)], 0.25, ("fault malformed", "fault null_element", "fault extra_fields"), True),
    ("elements refused for now", "A11", [{"kind": "refuse_elements", "status": code, "indexes": [0, -1]} for code in (429, 500, 503, 409, 404)], 0.25, ("fault refuse_elements",), False),
    ("redirects and captive pages", "A18", [{"kind": "redirect", "to": "http://127.0.0.1:9/steal"}, status(200, "<html>Please sign in</html>", content_type="text/html"), status(200, "<html>", apply=True), status(204), status(302)], 0.3, ("fault redirect",), False),
    ("409 and 404 of a young segment", "A7", [status(409), status(404)], 0.3, ("fault status",), False),
]  # fmt: skip
for _name, _row, _effects, _rate, _expects, _quick in _STORMS:
    # 404 of one element is a refusal of data; the others are not
    _mended = [
        {**one, "indexes": [0]} if one.get("status") == 404 and one["kind"] == "refuse_elements" else one
        for one in _effects
    ]
    _alive = [one for one in _mended if not (one["kind"] == "refuse_elements" and one["status"] == 404)]
    scenario(f"LinkedIn: {_name}", _row, quick=_quick, expects=_expects)(storm(_alive, rate=_rate))


@scenario(
    "LinkedIn: the minute limit (429), shortened",
    "A1",
    quick=True,
    expects=["429 minute"],
    minute=3.0,
    prelude=SHORT_MINUTE,
)
async def minute(stage: Stage) -> None:
    await _throttled(stage, "429 minute", status(429, MINUTE), 2)


@scenario(
    "LinkedIn: a success of before the pause (429) does not end it for the next owner",
    "A1",
    quick=True,
    expects=["429 minute"],
    minute=3.0,
    prelude=SHORT_MINUTE,
)
async def success_behind_the_pause(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=5))
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.fault("", USERS, {"kind": "latency", "seconds": 0.4}, times=2)
    await stage.fault("429 minute", USERS, status(429, MINUTE))
    await workload(stage, 1)
    await stage.until(lambda: daemon.events("resource_throttled"), "it is throttled", daemon)
    await asyncio.sleep(0.6)
    await daemon.stop()
    daemon = await stage.daemon()
    await stage.quiet(daemon, seconds=60)
    await stage.end(daemon)


@scenario(
    "LinkedIn: the minute limit (429), whole, over a kill -9", "A1", lasts=66.0, expects=["429 minute", "takeover"]
)
async def whole_minute(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=5))
    await stage.fault("429 minute", USERS, status(429, MINUTE))
    await workload(stage, 0)
    await stage.until(lambda: daemon.events("resource_throttled"), "it is throttled", daemon)
    await stage.until(lambda: _remembered(stage), "the wait is written down", daemon)
    await daemon.kill()
    daemon = await stage.daemon()
    await stage.quiet(daemon, seconds=90)
    await stage.end(daemon)


async def _remembered(stage: Stage, in_a_row: int = 1) -> bool:
    count = f"select count(*) from syncd.throttles where in_a_row >= {in_a_row}"
    return bool(await stage.rig.scalar(text(count)))


async def _throttled(stage: Stage, name: str, effect: Mapping[str, Any], times: int) -> None:
    daemon = await stage.daemon(MANY.format(most=5))
    await stage.fault(name, USERS, effect, times=times)
    for turn in range(times + 1):
        await workload(stage, turn)
        await asyncio.sleep(0.1)
    await stage.quiet(daemon, seconds=60)
    await stage.end(daemon)


@scenario("LinkedIn: the member's daily limit (429)", "A2", quick=True, expects=["429 member day"])
async def member_day(stage: Stage) -> None:
    body = {"status": 429, "message": _DAY.format(scope="APPLICATION_AND_MEMBER")}
    await _throttled(stage, "429 day", status(429, body), 2)


@scenario(
    "LinkedIn: the member's daily limit (429), kill -9 while it lasts",
    "A2",
    "P1",
    expects=["429 member day", "takeover"],
)
async def member_day_over_a_death(stage: Stage) -> None:
    """The second refusal asks for ten seconds; its process dies in the midst of them, and the next one keeps to them."""
    daemon = await stage.daemon(MANY.format(most=5))
    body = {"status": 429, "message": _DAY.format(scope="APPLICATION_AND_MEMBER")}
    await stage.fault("429 day", USERS, status(429, body), times=2)
    await workload(stage, 0)
    await stage.until(lambda: _remembered(stage, in_a_row=2), "the second wait is written down", daemon)
    await daemon.kill()
    refused = len(await _sent(stage))
    daemon = await stage.daemon()
    await workload(stage, 1)
    await stage.until(lambda: daemon.events("lease_taken"), "another one takes over", daemon)
    assert len(await _sent(stage)) == refused, "it sent before the limit was over"
    await stage.quiet(daemon, seconds=60)
    await stage.end(daemon)


@scenario(
    "LinkedIn: the application's daily limit (429) stops every member",
    "A2",
    expects=["429 application day"],
    members={"ads": "canary-a", "bids": "canary-b"},
)
async def application_day(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=5))
    await stage.until(stage.is_quiet, "segments are bound", daemon)
    body = {"status": 429, "message": _DAY.format(scope="APPLICATION")}
    await stage.fault("429 application", {**USERS, "member": "ads"}, status(429, body))
    await stage.commit("red", changes(range(8)))
    await stage.until(lambda: _remembered(stage), "the wait is written down", daemon)
    await asyncio.sleep(1.0)  # four times as long as the other member takes to read it
    await stage.commit("blue", changes(range(8)))
    await stage.quiet(daemon, seconds=60)
    (refused,) = (one["finished"] for one in await stage.rig.requests() if one["status"] == 429)
    theirs = await _sent(stage, "bids")
    assert theirs, "the other member never sent"
    early = [one["arrived"] - refused for one in theirs if one["arrived"] < refused + 4.95]
    assert not early, f"the other member sends {early} s after the application's limit"
    assert {stage.key(number) for number in range(8)} <= await stage.rig.members_of("blue")
    await stage.end(daemon)


async def _sent(stage: Stage, member: str = "ads") -> list[dict[str, Any]]:
    """What a member sent to the resource of people."""
    return [one for one in await stage.rig.requests() if one["resource"] == "users" and one["member"] == member]


@scenario("LinkedIn: 429 of unknown kinds", "A3", expects=["429 unknown"], minute=3.0, prelude=SHORT_MINUTE)
async def unknown(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=10))
    for effect in (
        status(429, "<html>slow down</html>", content_type="text/html"),
        status(429, {"message": "quota"}, headers={"Retry-After": "4"}),
    ):
        await stage.fault("429 unknown", USERS, effect)
    await workload(stage, 0)
    await stage.quiet(daemon, seconds=60)
    times = [one["arrived"] for one in await stage.rig.requests() if one["resource"] == "users"]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) >= 3.9, f"Retry-After was not honoured: {gaps}"
    await stage.end(daemon)


@scenario("LinkedIn: the role is taken away (403)", "A6", quick=True, expects=["segment parked"])
async def demoted(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.rig.control("tokens", {"do": "role", "member": "ads", "role": "VIEWER"})
    await workload(stage, 1)
    await stage.until(lambda: daemon.events("segment_parked"), "it parks", daemon)
    await asyncio.sleep(0.4)
    await stage.judge()
    await stage.rig.control("tokens", {"do": "role", "member": "ads", "role": "CAMPAIGN_MANAGER"})
    await stage.end(daemon)


@scenario("LinkedIn: a new segment is not visible yet (404)", "A7", options=("--visible-after", "2"))
async def invisible(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.end(daemon)


@scenario(
    "LinkedIn: data waits until a new segment takes it", "A7", "A8", settle_in=5.0, options=("--land-after", "4.9")
)
async def too_early(stage: Stage) -> None:
    await workload(stage, 0)
    daemon = await stage.daemon("from syncd.pipeline import refresh as _refresh\n_refresh.SETTLED_IN = 5.0\n")
    await stage.end(daemon)


@scenario("LinkedIn: the answer to a create is lost", "A8", quick=True, expects=["fault reset"])
async def create_lost(stage: Stage) -> None:
    create = {"resource": "segments", "method": "CREATE"}
    await stage.fault("", create, {"kind": "reset", "apply": True})
    await stage.fault("", create, {"kind": "reset", "apply": False})
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.end(daemon)


@scenario("LinkedIn: a create is applied after the client gave up", "A8", expects=["fault late"])
async def create_late(stage: Stage) -> None:
    create = {"resource": "segments", "method": "CREATE"}
    await stage.fault("", create, {"kind": "late", "seconds": 1.2, "hang": 0.0})
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.end(daemon)


def poisoned(code: int, positions: Sequence[int], size: int) -> Play:
    async def play(stage: Stage) -> None:
        daemon = await stage.daemon()
        await workload(stage, 0)
        await stage.quiet(daemon)
        for number, position in enumerate(positions):
            people = [f"{number}-{place}" for place in range(size)]
            guilty = people[position]
            stage.refused.add(stage.key(guilty))
            await stage.fault(
                "poison", {"resource": "users", "contains": stage.hash(guilty)}, {"kind": "poison", "status": code}
            )
            asked = len(await stage.rig.requests())
            await stage.commit("red", [("ADD", person(one), None) for one in people])
            await stage.quiet(daemon)
            sent = [one for one in (await stage.rig.requests())[asked:] if one["resource"] == "users"]
            most = 2 * (size - 1).bit_length() + 1
            assert len(sent) <= most, f"{len(sent)} requests for one of {size}, {most} allowed"
        await stage.end(daemon)

    return play


scenario("LinkedIn: one poisonous element among 33 (400)", "A9", quick=True, expects=["bisect", "element refused"])(
    poisoned(400, (0, 16, 32), 33)
)
scenario("LinkedIn: one poisonous element (422), first and last", "A9", expects=["bisect", "element refused"])(
    poisoned(422, (0, 19), 20)
)


@scenario(
    "LinkedIn: one element too large for any request (413) waits and blocks nobody", "A9", expects=["fault poison"]
)
async def too_large(stage: Stage) -> None:
    """413 speaks of the request, so it condemns no element: it splits until the guilty one stands alone."""
    daemon = await stage.daemon()
    guilty = {"resource": "users", "contains": stage.hash(5)}
    await stage.fault("poison", guilty, {"kind": "poison", "status": 413})
    await stage.commit("red", changes(range(20)))
    await stage.until(lambda: _holds(stage, 19), "its neighbours are in", daemon)
    await stage.commit("red", changes(range(30, 40)))
    await stage.until(lambda: _holds(stage, 29), "and those after it", daemon)
    assert not (await stage.tables()).letters
    await stage.end(daemon)


async def _holds(stage: Stage, count: int) -> bool:
    return any(one["size"] == count for one in await stage.rig.look("segments"))


@scenario(
    "LinkedIn: single elements refused (400), first, middle and last", "A10", quick=True, expects=["element refused"]
)
async def single_refused(stage: Stage) -> None:
    daemon = await stage.daemon()
    guilty = [0, 7, 14]
    values = [stage.hash(number) for number in guilty]
    stage.refused |= {stage.key(number) for number in guilty}
    await stage.fault(
        "", {"resource": "users", "contains": values}, {"kind": "refuse_elements", "status": 400}, times=-1
    )
    await stage.commit("red", changes(range(15)))
    await stage.commit("blue", changes(range(7, 10)))
    await stage.quiet(daemon)
    await stage.commit("red", changes(range(20, 40)) + changes(range(1, 4), "REMOVE"))
    await stage.end(daemon)


@scenario("LinkedIn: the version is not served any more (426)", "A12", expects=["member parked"])
async def sunset(stage: Stage) -> None:
    daemon = await stage.daemon()
    await workload(stage, 0)
    await stage.quiet(daemon)
    await stage.rig.control("options", {"active_versions": ["209901"]})
    await workload(stage, 1)
    await stage.until(lambda: daemon.events("member_parked"), "it parks", daemon)
    await stage.judge()
    await stage.rig.control("options", {"active_versions": ["202608"]})
    await stage.end(daemon)


def _cuts() -> list[dict[str, Any]]:
    ups = [
        {"way": "up", "at": at, "how": how}
        for at, how in ((0, "rst"), (1, "fin"), (200, "rst"), (900, "half"), (2500, "rst"))
    ]
    return ups + [
        {"way": "down", "at": at, "how": how}
        for at, how in ((0, "rst"), (1, "fin"), (100, "rst"), (330, "half"), (600, "fin"))
    ]


@scenario("the network to LinkedIn cuts requests and answers at a byte", "A15", quick=True)
async def cut_at_a_byte(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=40), proxied="sandbox")
    await workload(stage, 0)
    await stage.quiet(daemon)
    for turn, one in enumerate(_cuts()):
        if one["way"] == "up":
            stage.to_sandbox.up.cut = cut = Cut(at=one["at"], pattern=b"BATCH_CREATE", how=one["how"])
        else:
            stage.to_sandbox.down.cut = cut = Cut(at=one["at"], pattern=b"x-li-uuid", lose=True, how=one["how"])
        await stage.commit("red", changes(range(turn, turn + 30)) + changes(range(turn - 3, turn), "REMOVE"))
        await stage.until(
            lambda armed=cut: armed.struck or None, f"the cut {json.dumps(one)} strikes", daemon, seconds=20
        )
        stage.seen["request cut at a byte"] += 1
        await stage.judge()
    await stage.end(daemon)


@scenario("the network to LinkedIn is slow, silent, gone", "A13", "A16", expects=["re-assertion"])
async def bad_network(stage: Stage) -> None:
    daemon = await stage.daemon(MANY.format(most=40), proxied="sandbox")
    stop = asyncio.Event()
    writing = asyncio.create_task(stage.writer(pause=0.05).run(100_000, stop=stop))
    proxy = stage.to_sandbox
    stage.zombies = True  # bytes that wait in a proxy arrive when they like
    for turn in range(5):
        match turn:
            case 0:
                proxy.up.latency = proxy.down.latency = 0.1
            case 1:
                proxy.down.rate = 300
            case 2:
                proxy.down.hole = True
            case 3:
                proxy.refusing = True
                proxy.reset_all()
            case _:
                proxy.up.rate = 1_500
        await asyncio.sleep(1.4)
        proxy.heal()
        await stage.judge()
    stop.set()
    await writing
    await stage.end(daemon)


@scenario("LinkedIn: more batches than a minute holds", "A1", lasts=108.0, limits={"users": 30, "companies": 30})
async def over_the_limit(stage: Stage) -> None:
    """The limit itself, over a restart and a kill -9: 60 seconds and more of sending as fast as it is allowed."""
    daemon = await stage.daemon(MANY.format(most=2))
    await stage.commit("red", changes(range(44)))
    await stage.commit("blue", changes(range(44)))
    await stage.until(lambda: _users(stage, 8), "some are out", daemon)
    await daemon.stop()
    daemon = await stage.daemon(MANY.format(most=2))
    await stage.until(lambda: _users(stage, 16), "more are out", daemon, seconds=60)
    await daemon.kill()
    daemon = await stage.daemon(MANY.format(most=2))
    await stage.quiet(daemon, seconds=110)
    await stage.end(daemon)
    assert not [one for one in await stage.rig.requests() if one["status"] == 429]


async def _users(stage: Stage, count: int) -> bool:
    return len([one for one in await stage.rig.requests() if one["resource"] == "users"]) >= count
