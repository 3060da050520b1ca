"""Replays, step by step, and who leaves meanwhile: nobody is added again by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.resync import Mode, State
from syncd.store import plans
from tests.component.reconcile.by_hand import Crm, Hand, holding, identity
from tests.component.reconcile.test_resync import TEN, settled, with_source


@pytest.fixture
async def hand(store_url: str, tmp_path: Path) -> AsyncIterator[Hand]:
    async with holding(with_source(store_url, tmp_path, Crm(tmp_path / "crm.db"))) as found:
        yield found


async def test_a_replay_leaves_to_an_open_batch_whom_that_holds(hand: Hand) -> None:
    await settled(hand)
    await hand.commit(("REMOVE", 3))
    await hand.take()
    done = await hand.finish((await hand.started(Mode.REPLAY)).id)
    assert (done.progress.sent, done.progress.skipped) == (9, 1)
    assert ("ADD", identity(3)) not in hand.sent
    await hand.equal([n for n in TEN if n != 3])


async def test_a_replay_does_not_add_again_who_left_while_its_page_was_read(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The departure is settled between the page and what the ledger says of it, so that no open batch holds it any more.
    With SQLite nothing can: the transaction that reads the page is the only writer.
    """
    if not hand.database.is_postgresql:
        return
    await settled(hand)
    number = (await hand.started(Mode.REPLAY)).id
    await hand.commit(("REMOVE", 3))
    await hand.take()
    reads = plans.next_held

    async def next_held(connection: AsyncConnection, segment: int, after: bytes, most: int) -> list[bytes]:
        page = list(await reads(connection, segment, after, most))
        if not after:
            assert identity(3) in page
            await hand.deliver()
        return page

    monkeypatch.setattr(plans, "next_held", next_held)
    done = await hand.finish(number)
    assert (done.state, done.progress.sent) == (State.DONE, 9)
    assert ("ADD", identity(3)) not in hand.sent
    await hand.equal([n for n in TEN if n != 3])
