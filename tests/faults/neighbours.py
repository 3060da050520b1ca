"""How long a change takes, and whether trouble of one segment, member or person delays the others (V4, V5)."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from typing import Any

from tests.acceptance.rig import Process
from tests.faults.answers import USERS, status
from tests.faults.history import Row, person
from tests.faults.lives import number_of
from tests.faults.scenario import scenario
from tests.faults.stage import Stage

CHANGES = 40
_PAUSE = 0.15
"""Seconds between two changes: slower than the pace of requests, so that none waits for the one before it."""
_FLOOR = 0.3
"""Seconds: below this the machine is measured, not syncd."""


async def trickle(stage: Stage, segment: str, first: int, *alive: Process) -> list[float]:
    """One change after the other; seconds from each commit's acknowledgement to its arrival at LinkedIn, sorted."""
    rows: list[Row] = []
    for number in range(first, first + CHANGES):
        rows += await stage.crm.commit(segment, [("ADD", person(number), None)])
        await asyncio.sleep(_PAUSE)
    wanted = {stage.key(number) for number in range(first, first + CHANGES)}

    async def all_there() -> bool:
        return wanted <= await stage.rig.members_of(segment)

    await stage.until(all_there, f"{segment} holds them all", *alive)
    arrived: dict[str, float] = {}
    for element in (await stage.evidence()).elements:
        if element.segment == segment and 200 <= element.status < 300:
            for key in element.keys:
                arrived.setdefault(key, element.arrived)
    keys = [stage.key(number) for number in range(first, first + CHANGES)]
    return sorted(max(0.0, arrived[key] - row.asked) for key, row in zip(keys, rows, strict=True))


def p99(lags: Sequence[float]) -> float:
    return lags[min(len(lags) - 1, int(len(lags) * 0.99))]


def told(lags: Sequence[float]) -> str:
    return f"p50 {statistics.median(lags) * 1000:.0f} ms, p99 {p99(lags) * 1000:.0f} ms"


@scenario("nothing goes wrong: lags, and no 429", "V5", quick=True)
async def calm(stage: Stage) -> None:
    daemon = await stage.daemon()
    await stage.until(stage.is_quiet, "segments are bound", daemon)
    lags = await trickle(stage, "red", 0, daemon)
    stage.figures.append(told(lags))
    stage.looked["V5"] += len(lags)
    await stage.end(daemon)
    assert not [one for one in await stage.rig.requests() if one["status"] == 429]
    assert p99(lags) < 2.0, told(lags)


async def _poison_segment(stage: Stage) -> None:
    await stage.fault("", {**USERS, "segment": await number_of(stage, "red")}, status(400), times=-1)


async def _fail_segment(stage: Stage) -> None:
    await stage.fault("", {**USERS, "segment": await number_of(stage, "red")}, status(500), times=-1)


async def _revoke_member(stage: Stage) -> None:
    await stage.rig.control("tokens", {"do": "revoke", "member": "ads"})


async def _throttle_member(stage: Stage) -> None:
    body = {"status": 429, "message": "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls"}
    await stage.fault("429 day", {**USERS, "member": "ads"}, status(429, body), times=4)


async def _flap(stage: Stage) -> None:
    async def flap() -> None:
        for number in range(400):
            await stage.crm.commit("red", [("REMOVE" if number % 2 else "ADD", person(9_000), None)])

    stage.beside.append(asyncio.create_task(flap()))


_TWO: dict[str, Any] = {
    "members": {"ads": "canary-token-a", "bids": "canary-token-b"},
    "kinds": {"red": "user", "blue": "user", "green": "user"},
}
"""red and green are of one member, blue is of another."""


def isolated(hurt: Any, neighbour: str) -> Any:
    async def play(stage: Stage) -> None:
        daemon = await stage.daemon()
        await stage.until(stage.is_quiet, "segments are bound", daemon)
        before = await trickle(stage, neighbour, 0, daemon)
        await hurt(stage)
        await stage.commit("red", [("ADD", person(number), None) for number in range(5_000, 5_040)])
        during = await trickle(stage, neighbour, 1_000, daemon)
        await stage.judge()
        stage.figures.append(f"{told(before)}; beside it {told(during)}")
        stage.looked["V4"] += len(during)
        await asyncio.gather(*stage.beside)
        if hurt is _revoke_member:
            await stage.issue("ads", "canary-again")
        await stage.end(daemon)
        assert p99(during) <= 2 * max(p99(before), _FLOOR), f"alone {told(before)}, beside it {told(during)}"

    return play


for _name, _hurt, _neighbour in (
    ("a segment that LinkedIn refuses whole delays no other of its member", _poison_segment, "green"),
    ("a segment at which LinkedIn fails delays no other member", _fail_segment, "blue"),
    ("a member without a token delays no other", _revoke_member, "blue"),
    ("a member at its daily limit delays no other", _throttle_member, "blue"),
    ("a person who flaps delays no other segment", _flap, "green"),
):
    scenario(_name, "V4", "D5" if _hurt is _flap else "A5", **_TWO)(isolated(_hurt, _neighbour))
