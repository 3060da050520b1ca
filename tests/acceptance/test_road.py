"""The road with real processes: what the CRM commits is what LinkedIn holds."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.rig import Rig, digest


async def test_a_committed_row_reaches_linkedin_and_the_ledger(store_url: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, store_url, sandbox_options=["--land-after", "0"]) as rig:
        daemon = await rig.daemon()
        await rig.commit("people", [("ADD", {"email": f" P{n}@Example.com"}, None) for n in range(100)])
        await rig.commit("people", [("REMOVE", {"email": "p7@example.com"}, None), ("ADD", {"email": "no"}, None)])
        await rig.wait_until(rig.is_drained, "everything is settled", daemon)
        assert await rig.members_of("people") == {digest(f"p{n}@example.com") for n in range(100) if n != 7}
        totals = await rig.totals()
        assert totals["rows_taken"] == 102
        assert totals["rows_applied"] + totals["rows_superseded"] + totals["rows_dead"] == 102
        assert await rig.dead() == 1
        assert await daemon.stop() == 0
