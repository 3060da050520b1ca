"""Ways to break syncd that the simulation must notice. Each patches for the rest of the process: run it in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from aiolimiter import AsyncLimiter
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain import settlement
from syncd.domain.batch import BatchId, Element, Shape
from syncd.domain.outcome import Delivered, Unclear
from syncd.linkedin import pacing, streams, wire
from syncd.pipeline import deliver, intake, refresh, resend, settle
from syncd.pipeline.lanes import Lane
from syncd.store import batches, intakes, leases, ledger
from syncd.store.tables import leases as owners
from syncd.store.tables import ledger as lines
from tests.simulation.weather import REGIMES


def _put(place: object, thing: Any, name: str = "") -> None:
    setattr(place, name or thing.__name__, thing)


def confirm_on_200() -> None:
    """Element statuses are not looked at."""
    honest = wire.results

    def results(body: bytes, sent: int, uuid: str = "", secrets: tuple[str, ...] = ()) -> Any:
        found = honest(body, sent, uuid, secrets)
        return Delivered((), uuid) if isinstance(found, Delivered) else found

    _put(streams, results)


def drop_on_timeout() -> None:
    """A request without an answer counts as done."""
    honest = settlement.decide

    def decide(journey: Any, part: Any, outcome: Any, circumstances: Any) -> Any:
        if isinstance(outcome, Unclear) and outcome.lingering:
            outcome = Delivered((), "")
        return honest(journey, part, outcome, circumstances)

    _put(deliver, decide)


def no_fencing() -> None:
    async def fence(_connection: AsyncConnection, _grant: Any) -> float:
        return 0.0

    for module in (intake, settle, resend, leases):
        _put(module, fence)
    honest = intakes.mark

    async def mark(connection: AsyncConnection, grant: leases.Grant, segment: int) -> intakes.Mark:
        found = await connection.execute(select(owners.c.owner, owners.c.token).where(owners.c.member == grant.member))
        owner, token = found.one()
        return await honest(connection, replace(grant, owner=owner, token=token), segment)

    _put(intakes, mark)


def no_tombstones() -> None:
    """A departure leaves nothing that a late commit could be held against."""
    honest = ledger.record

    async def record(
        connection: AsyncConnection, segment: int, batch: BatchId, accepted: Sequence[Element], of: Shape
    ) -> None:
        await honest(connection, segment, batch, accepted, of)
        await connection.execute(delete(lines).where(~lines.c.present))

    _put(ledger, record)


def overtaking() -> None:
    """Batches that share an identity do not wait for each other."""
    honest = Lane.add

    def add(lane: Lane, journey: Any) -> None:
        honest(lane, journey)
        lane.batches[-1].behind.clear()

    _put(Lane, add)


def full_burst() -> None:
    """The whole limit at once, refilled within the same minute."""

    class Loose(AsyncLimiter):
        def __init__(self, max_rate: float, time_period: float = 60) -> None:
            rate = max_rate / time_period * 60
            super().__init__(rate, 60)

    _put(pacing, Loose, "AsyncLimiter")


def no_wait_before_takeover() -> None:
    """A lease ends with its time to live, whatever is still on its way."""
    honest, taking = leases.renew, leases.take

    async def renew(connection: AsyncConnection, owner: str, tokens: dict[str, int], hold: float) -> set[str]:
        return await honest(connection, owner, tokens, hold * 0.2)

    async def take(connection: AsyncConnection, member: str, owner: str, hold: float) -> Any:
        return await taking(connection, member, owner, hold * 0.2)

    _put(leases, renew)
    _put(leases, take)


def no_reassertion() -> None:
    async def promise(*_: Any) -> None:
        return

    _put(batches, promise, "promise_reassertion")
    for regime in REGIMES:  # what it would hide is rare in other weather
        REGIMES[regime] = {"fine": 2.0, "late": 1.0}


def doubted_commits_forgotten() -> None:
    """A batch whose commit failed after taking effect is not looked for."""

    async def recover(lane: Lane, _member: Any, _tools: Any) -> None:
        lane.doubted = False

    _put(refresh, recover)


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    mutant.__name__: mutant
    for mutant in (
        confirm_on_200,
        drop_on_timeout,
        no_fencing,
        no_tombstones,
        overtaking,
        full_burst,
        no_wait_before_takeover,
        no_reassertion,
        doubted_commits_forgotten,
    )
}
