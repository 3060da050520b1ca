"""Where LinkedIn takes no stream into a segment that expired (one of the two things that reference 002 says)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from syncd.store.tables import batches, segments
from tests.acceptance.rig import Process, Rig, digest

PEOPLE = 400

pytestmark = pytest.mark.timeout(120)


async def test_a_segment_that_expired_and_refuses_its_replay_is_made_anew_and_filled_from_the_ledger(
    store_url: str, tmp_path: Path
) -> None:
    settings = {"SYNCD_TRACKER__INTERVAL": "0.5"}
    async with Rig(tmp_path, store_url, sandbox_options=["--expired-stream", "refuse"], settings=settings) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(PEOPLE)])
        await rig.wait_until(rig.is_quiet, "everything is sent", daemon)
        old = int(await rig.scalar(select(segments.c.dmp_id)))
        await rig.control(f"segments/{old}", {"status": "EXPIRED", "clear": True}, "PATCH")
        await _parks(rig, "expired", daemon)
        await rig.command("resync", "people", "--mode", "replay", "--reason", "LinkedIn expired it")
        words = await _parks(rig, "misconfigured", daemon)
        assert words == f"400 DMP segment {old} is in state EXPIRED: it cannot be updated"
        assert await rig.scalar(select(batches.c.uuid).where(batches.c.open)), "nothing to give to LinkedIn's support"
        assert await _members(rig, old) == set()
        await rig.command("segments", "recreate", "people")
        await rig.wait_until(lambda: _is_another(rig, old), "another one is made", daemon)
        await rig.wait_until(rig.is_quiet, "it is filled", daemon)
        new = int(await rig.scalar(select(segments.c.dmp_id)))
        assert await _members(rig, new) == {digest(f"p{n}@example.com") for n in range(PEOPLE)}
        assert await _members(rig, old) == set()
        assert await rig.scalar(select(segments.c.parked)) is None
        assert await rig.dead() == 0
        assert await daemon.stop() == 0


async def _parks(rig: Rig, reason: str, daemon: Process) -> str:
    """LinkedIn's words, or ours about LinkedIn."""
    parked = select(segments.c.parked_words).where(segments.c.parked == reason)
    return str(await rig.wait_until(lambda: rig.scalar(parked), f"it parks: {reason}", daemon))


async def _is_another(rig: Rig, old: int) -> bool:
    bound = await rig.scalar(select(segments.c.dmp_id))
    return bound is not None and int(bound) != old


async def _members(rig: Rig, number: int) -> set[str]:
    async with rig.http.get(f"{rig.sandbox.url}/_sandbox/segments/{number}/members") as answer:
        return set((await answer.text()).splitlines())
