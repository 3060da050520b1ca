"""A person is erased while a real daemon works, a webhook hears of it when it becomes needed, and no process tells of whom."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from sqlalchemy import select

from syncd.reconcile.webhook import signature
from syncd.store.erasures import erasures
from syncd.store.tables import dead_letters
from tests.acceptance.rig import Rig, digest

PERSON, OTHER = "cnry.jane@example.com", "other@example.com"
SECRET = "a secret of the receiver's"
PEOPLE = 350

pytestmark = pytest.mark.timeout(150)


async def test_a_person_leaves_linkedin_and_everything_else_and_is_not_added_again(
    store_url: str, tmp_path: Path
) -> None:
    got: list[tuple[Any, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.headers, await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = {
        "SYNCD_ERASURE__KEY": Fernet.generate_key().decode(),
        "SYNCD_ALERTS__WEBHOOK_URL": f"http://127.0.0.1:{runner.addresses[0][1]}/hook",
        "SYNCD_ALERTS__SECRET": SECRET,
        "SYNCD_ALERTS__DEAD_LETTERS": "0",
    }
    both = [("people", "user", "ads"), ("buyers", "user", "ads")]
    haste = "from syncd import rounds\nfrom syncd.reconcile import alert, webhook\nalert.EVERY = rounds._PAUSE = webhook.EVERY = 0.2"
    async with Rig(tmp_path, store_url, segments=both, settings=settings) as rig:
        daemon = await rig.daemon(haste)
        crowd: list[tuple[str, dict[str, object], str | None]] = [
            ("ADD", {"email": f"p{number}@example.com"}, None) for number in range(PEOPLE)
        ]
        await rig.commit("people", [*crowd, ("ADD", {"email": PERSON}, "crm-1"), ("ADD", {"email": OTHER}, None)])
        await rig.commit("buyers", [("ADD", {"email": PERSON}, None), ("ADD", {"email": OTHER}, None)])
        await rig.wait_until(rig.is_quiet, "everybody is there", daemon)
        assert digest(PERSON) in await rig.members_of("people") & await rig.members_of("buyers")
        file = tmp_path / "person.txt"
        file.write_text(PERSON)
        await rig.command("erase", "--reason", "request 7", "--file", str(file), "--yes")
        done = select(erasures.c.finished_at)
        await rig.wait_until(lambda: rig.scalar(done), "the erasure is done", daemon)
        for segment in ("people", "buyers"):
            members = await rig.members_of(segment)
            assert digest(PERSON) not in members
            assert digest(OTHER) in members
        evidence = json.loads(await rig.command("erasures", "evidence", "1"))
        assert all(one["linkedin_support_id"] for one in evidence["segments"] if one["segment"] in {"people", "buyers"})
        await rig.commit("people", [("ADD", {"email": PERSON.upper()}, None), ("ADD", {"email": OTHER}, "crm-1")])
        await rig.wait_until(rig.is_quiet, "the late ones are taken", daemon)
        assert await rig.dead() == 2
        assert await rig.scalar(select(dead_letters.c.reason)) == "suppressed"
        assert digest(PERSON) not in await rig.members_of("people")
        await rig.commit("people", [("ADD", {"email": "no address"}, None)])
        await rig.wait_until(lambda: any(b'"dead_letters"' in body for _, body in got), "somebody is told", daemon)
        assert await daemon.stop() == 0
        for headers, body in got:
            assert headers["Syncd-Signature"] == signature(SECRET, headers["Syncd-Timestamp"], body)
        said = "".join(process.log.read_text() for process in rig.processes if process is not rig.sandbox)
        said += json.dumps(evidence) + b"".join(body for _, body in got).decode()
        assert not [mark for mark in ("cnry", hashlib.sha256(PERSON.encode()).hexdigest()) if mark in said]
        stranger = rig.environment(SYNCD_ERASURE__KEY="")
        refused = await rig.start("stranger", ["-m", "syncd", "run"], stranger)
        assert await refused.child.wait() == 78
        assert "erasure.key is not set" in refused.log.read_text()
    await runner.cleanup()
