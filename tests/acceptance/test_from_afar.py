"""An operator's laptop: `syncd` with nothing but a server's address and a token, against a daemon that works."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.rig import Rig, digest
from tests.conftest import sqlite_url

PEOPLE = 350

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def file_url(tmp_path: Path, migrated_file: Path) -> str:
    shutil.copyfile(migrated_file, tmp_path / "syncd.db")
    return sqlite_url(tmp_path / "syncd.db")


async def said(place: Path, env: Mapping[str, str], *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """A command of a process that knows nothing else of syncd: exit code, stdout and stderr."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**outside, **env},
        cwd=place,
    )
    out, err = await child.communicate(stdin.encode())
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


async def test_an_operator_works_with_an_address_and_a_token(file_url: str, tmp_path: Path) -> None:
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    async with Rig(tmp_path, file_url) as rig:
        daemon = await rig.daemon()
        made = json.loads(await rig.command("tokens", "add", "laptop", "--role", "operator", "--json"))
        (laptop / "token").write_text(made["token"])
        url = f"http://127.0.0.1:{daemon.events('listening')[-1]['port']}"
        env = {"SYNCD_URL": url, "SYNCD_TOKEN_FILE": str(laptop / "token")}

        async def told(*arguments: str, stdin: str = "") -> Any:
            code, out, err = await said(laptop, env, *arguments, "--json", stdin=stdin)
            assert code == 0, err
            return json.loads(out)

        lines = [
            {"segment": "people", "action": "ADD", "payload": {"email": f"p{n}@example.com"}} for n in range(PEOPLE)
        ]
        posted = await told("changes", "post", stdin="\n".join(map(json.dumps, lines)))
        assert posted["rows"] == PEOPLE
        await rig.wait_until(rig.is_quiet, "everybody is there", daemon)
        code, listed, _ = await said(laptop, env, "segments", "list")
        assert (code, listed) == (0, await rig.command("segments", "list"))
        (one,) = (await told("segments", "list"))["segments"]
        assert (one["key"], one["ledger"]) == ("people", PEOPLE)

        snapshot = laptop / "everybody.csv"
        snapshot.write_text("email\n" + "".join(f"p{number}@example.com\n" for number in range(10, PEOPLE + 5)))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        file = ("--mode", "reconcile", "--file", str(snapshot), "--as-of", now, "--reason", "TICKET-7")
        started = await told("resync", "people", *file)
        assert (started["numbers"]["adds"], started["numbers"]["removes"]) == (5, 10)

        async def ended() -> bool:
            return bool((await told("resyncs", "show", str(started["id"])))["state"] == "done")

        await rig.wait_until(ended, "the resync has ended", daemon)
        assert await rig.members_of("people") == {digest(f"p{number}@example.com") for number in range(10, PEOPLE + 5)}

        code, out, err = await said(laptop, env, "users", "list")
        assert (code, out, err) == (2, "", "syncd: this needs the role admin, and yours is operator\n")
        rows = json.loads(await rig.command("audit", "--actor", "laptop", "--json"))
        assert {row["door"] for row in rows} == {"token"}
        assert [row["action"] for row in rows] == ["resync.start", "resync.preview", "changes.enqueue"]
        assert made["token"] not in "".join(process.log.read_text() for process in rig.processes)
        await daemon.kill()
        code, out, err = await said(laptop, env, "segments", "list")
        assert (code, out, err) == (1, "", f"syncd: {url} cannot be reached: connection refused\n")
