"""Promise 5 with real processes: addresses, hashes, tokens, keys and passwords go through a daemon at its most talkative,
past a LinkedIn that echoes them and a database that quotes them, and then every surface is searched.

Whatever is secret here holds the mark `cnry`, so that a part of it would be found too; hashes are searched as they are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, select, text

from syncd.cli.commands import syncd
from syncd.store.tables import batches, ledger, metadata, outbox, subjects, tokens
from syncd.store.tokens import SealedTokens
from tests.acceptance.rig import Process, Rig
from tests.acceptance.test_road import postgres_url
from tests.faults.preludes import HASTE
from tests.faults.surfaces import command_lines, metrics_url

__all__ = ["postgres_url"]

MARK = "cnry"
ACCESS = "AQXcnry" + "Zz9_-" * 20
REFRESH = "refresh-ads"
"""The sandbox names it so."""
CLIENT_SECRET = "WPL_AP1.cnryS3cret."
DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc"
FIRST, SECOND, OTHER = (Fernet.generate_key().decode() for _ in range(3))
_SOON = "from syncd.linkedin import auth\nauth._LOOK_AGAIN = 0.5"
TALKATIVE = {"SYNCD_LOG__LEVEL": "debug", "PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "always"}

pytestmark = pytest.mark.timeout(120)


def email(number: int) -> str:
    return f"cnry.jane+{number}@cnry.example"


def hashes(number: int) -> tuple[str, str]:
    return tuple(hashlib.new(name, email(number).encode()).hexdigest() for name in ("sha256", "sha512"))  # type: ignore[return-value]  # two names, two hashes


def people(*numbers: int) -> list[tuple[str, Mapping[str, object], str | None]]:
    """Somebody in every form that a payload may have, and those who cannot be sent."""
    found: list[tuple[str, Mapping[str, object], str | None]] = []
    for number in numbers:
        sha256, sha512 = hashes(number)
        found += [
            ("ADD", {"email": f" {email(number).title()} ", "first_name": "Cnryann", "title": "Cnryboss"}, None),
            ("ADD", {"sha256_email": sha256, "sha512_email": sha512, "google_aid": DEVICE}, None),
            ("ADD", {"email": sha256}, None),
            ("ADD", {"email": f"{email(number)}@twice"}, None),
            (f"NO {email(number)}", {"email": email(number)}, None),
            ("ADD", {"email": ["cnry", email(number)]}, None),
            ("ADD", {"email": email(number + 1), "sha256_email": sha256}, None),
        ]
    return found


def echo(token: str) -> str:
    """What a server that shows all it was sent would say."""
    return (
        f'Bearer {token} "{email(1)}" {email(1).replace("@", "%40")} {hashes(1)[0]} {hashes(1)[1].upper()} {DEVICE} '
        f"{token}\r\n\x1b[2J{{}}"
    )


def nasty(token: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """What LinkedIn, or somebody between, answers; the daemon asks again each time."""
    said = echo(token)
    return (
        ("users", {"kind": "status", "status": 400, "body": {"message": said, "code": email(1), "status": 400}}),
        ("users", {"kind": "status", "status": 500, "body": said, "content_type": "text/html"}),
        ("users", {"kind": "status", "status": 503, "headers": {"x-li-uuid": hashes(1)[0], "Retry-After": email(1)}}),
        ("users", {"kind": "redirect", "to": f"http://127.0.0.1:9/?token={token}&email={email(1)}"}),
        ("users", {"kind": "malformed", "body": f'{{"elements":[{{"status":"{said}"'}),
        ("users", {"kind": "refuse_elements", "indexes": [0], "message": said}),
        ("users", {"kind": "cut", "at": 12}),
        ("segments", {"kind": "status", "status": 403, "body": {"message": said, "code": token}}),
        ("users", {"kind": "status", "status": 401, "body": {"message": said, "serviceErrorCode": 65602}}),
    )


def settings(directory: Path, *keys: str) -> dict[str, str]:
    """Secrets in every place that has room for one."""
    for name, secret in (("token", ACCESS), ("refresh", REFRESH), ("secret", CLIENT_SECRET)):
        (directory / f"ads.{name}").write_text(secret)
    member = {
        "key": "ads",
        "client_id": "demo-app",
        "access_token_file": str(directory / "ads.token"),
        "refresh_token_file": str(directory / "ads.refresh"),
        "client_secret_file": str(directory / "ads.secret"),
    }
    return {"SYNCD_MEMBERS": json.dumps([member]), "SYNCD_SECRET_KEYS": ",".join(keys), **TALKATIVE}


def rig(directory: Path, url: str) -> Rig:
    secret = url.replace("postgresql+asyncpg://syncd@", "postgresql+asyncpg://syncd:cnrypassword@")
    options = ("--client-secret", CLIENT_SECRET)
    return Rig(directory, secret, members={"ads": ACCESS}, sandbox_options=options)


async def shown(one: Rig, *arguments: str, given: str = "", env: Mapping[str, str]) -> str:
    """What a command prints, on both streams."""
    config = one.directory / "empty.yaml"
    config.write_text("")
    command = ["--config", str(config), *arguments]
    runner = CliRunner(env=one.environment(**env))
    told = await asyncio.to_thread(runner.invoke, syncd, command, input=given)
    return told.output


async def spoken(one: Rig, env: Mapping[str, str]) -> dict[str, str]:
    """All that the command line can be made to say of the rows there are."""
    broken = one.directory / "broken.csv"
    broken.write_text(f"email\n{email(1)}\n\x00{email(2)},{ACCESS}\n")
    commands: list[tuple[Sequence[str], str]] = [
        (("segments", "list"), ""),
        (("segments", "show", "people", "--json"), ""),
        (("members", "list"), ""),
        (("dead-letters", "list"), ""),
        (("dead-letters", "list", "--json"), ""),
        (("check",), ""),
        *((("changes", "show", str(row)), "") for row in range(1, 40, 2)),
        (("enqueue", "people", "ADD"), f'{{"email": "{email(1)}", nonsense {ACCESS}'),
        (("enqueue", "people", "ADD"), json.dumps({"email": {"x": email(1)}, "y": ACCESS}) + "\n[]"),
        (("import", str(broken), "--segment", "people"), ""),
    ]
    found = {}
    for place, (command, given) in enumerate(commands):
        found[f"{place} {command[0]}"] = await shown(one, *command, given=given, env=env)
    return found


async def written(one: Rig) -> str:
    """Every text in the database except where a person's data belongs: the outbox."""
    found = []
    async with one.database.read() as connection:
        for table in metadata.sorted_tables:
            columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
            if table is not outbox and columns:
                found += [str(tuple(row)) for row in await connection.execute(select(*columns))]
    return "\n".join(found)


async def stored(one: Rig) -> bytes:
    """Every byte that the database keeps beside the outbox, inflated where it is packed."""
    found = bytearray()
    async with one.database.read() as connection:
        for table in (batches, ledger, subjects, tokens):
            for row in await connection.execute(select(table)):
                found += b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return bytes(found)


def leaks(said: str, secrets: Sequence[str]) -> list[str]:
    """The lines of a surface that hold something secret."""
    low = [secret.lower() for secret in (MARK, DEVICE, *hashes(1), *hashes(2), *secrets)]
    return [line for line in said.splitlines() if any(secret in line.lower() for secret in low)]


async def fetched(one: Rig, url: str) -> str:
    async with one.http.get(url) as answer:
        return await answer.text()


async def faces(one: Rig, daemon: Process) -> dict[str, str]:
    """What a running daemon shows to whoever asks the machine or its ports."""
    health = f"http://127.0.0.1:{daemon.events('listening')[1]['port']}"
    assert re.search(r"Max core file size +0 +0", Path(f"/proc/{daemon.pid}/limits").read_text())
    lines = command_lines(daemon.pid)
    assert len(lines) == 1, "a daemon has no children who could inherit its environment"
    return {
        "metrics": await fetched(one, metrics_url(daemon)),
        "readiness": await fetched(one, f"{health}/readyz"),
        "liveness": await fetched(one, f"{health}/healthz"),
        "command line": lines[0],
        "request paths": "\n".join(each["path"] for each in await one.requests()),
    }


async def test_no_surface_shows_a_secret_whatever_is_answered(postgres_url: str, tmp_path: Path) -> None:
    env = settings(tmp_path, FIRST)
    async with rig(tmp_path, postgres_url) as one:
        daemon = await one.daemon(f"{HASTE}\n{_SOON}", **env)
        await one.commit("people", people(0))
        await one.wait_until(one.is_drained, "all goes well", daemon)
        said = f"{REFRESH} {CLIENT_SECRET} {echo(ACCESS)}"
        denied = {"kind": "status", "status": 400, "body": {"error": "invalid_grant", "error_description": said}}
        await one.control("faults", {"match": {"resource": "oauth"}, "effect": denied})
        await one.control("tokens", {"do": "expire", "member": "ads"})
        await one.commit("people", people(50))
        await one.wait_until(lambda: daemon.events("member_resumed"), "it was parked and goes on", daemon, seconds=20)
        await one.wait_until(one.is_drained, "the token was refreshed", daemon)
        held = await SealedTokens(one.database, "ads", [FIRST]).read()
        assert held is not None
        assert held.access != ACCESS
        for turn, (resource, effect) in enumerate(nasty(held.access)):
            await one.control("faults", {"match": {"resource": resource}, "effect": effect})
            await one.commit("people", people(turn, turn + 1))
            await one.wait_until(one.is_drained, f"nasty answer {turn} is over", daemon, seconds=20)
        await one.wait_until(lambda: daemon.events("look_failed"), "the tracker met its answer", daemon)
        throttle = {"kind": "status", "status": 429, "body": {"message": echo(held.access)}}
        await one.control("faults", {"match": {"resource": "users"}, "effect": throttle})
        await one.commit("people", people(77))
        await one.wait_until(lambda: daemon.events("resource_throttled"), "it is throttled", daemon)

        secrets = [ACCESS, REFRESH, CLIENT_SECRET, FIRST, held.access, held.refresh or REFRESH]
        surfaces = {**await faces(one, daemon), "texts of the database": await written(one)}
        surfaces |= await spoken(one, env)
        assert await daemon.stop() == 0
        surfaces["log"] = daemon.log.read_text()
        assert {name: found for name, said in surfaces.items() if (found := leaks(said, secrets))} == {}
        for name, said in surfaces.items():
            assert said, f"{name} says nothing: that proves nothing"
            assert "\x1b" not in said, name
        for proof in ("[email]", "[hash]", "[secret]"):
            assert proof in surfaces["log"]
        assert {"request_ended", "step_settled", "member_parked", "batch_delayed"} <= {
            str(line.get("event")) for line in daemon.lines()
        }
        dumped = await stored(one)
        for secret in (*secrets, email(1), MARK):
            assert secret.encode() not in dumped


async def test_a_database_that_quotes_the_row_it_refuses_is_not_quoted(postgres_url: str, tmp_path: Path) -> None:
    env = settings(tmp_path, FIRST)
    async with rig(tmp_path, postgres_url) as one:
        async with one.database.begin() as connection:
            await connection.execute(text("alter table syncd.ledger add constraint never check (rank < 0) not valid"))
        program = f"{HASTE}\nfrom syncd.cli import main\nmain()"
        daemon = await one.start("daemon", ["-c", program, "run"], one.environment(**env))
        await one.commit("people", people(1))
        assert await asyncio.wait_for(daemon.child.wait(), 30) == 1
        said = daemon.log.read_text()
        assert "SQLSTATE 23514" in said
        assert "Failing row" not in said
        assert leaks(said, [ACCESS]) == []
        assert f"\\x01{hashes(1)[0]}" not in said


async def test_a_missing_key_parks_the_member_and_both_keys_bring_it_back(postgres_url: str, tmp_path: Path) -> None:
    async with rig(tmp_path, postgres_url) as one:
        first = await one.daemon(HASTE, **settings(tmp_path, FIRST))
        await one.control("tokens", {"do": "expire", "member": "ads"})
        await one.commit("people", people(1))
        await one.wait_until(one.is_drained, "the token was refreshed", first)
        await first.stop()

        wrong = await one.daemon(HASTE, **settings(tmp_path, OTHER))
        await one.commit("people", people(2))
        (parked,) = await one.wait_until(lambda: wrong.events("member_parked"), "the member parks", wrong)
        assert parked["reason"] == "token"
        assert "SYNCD_SECRET_KEYS" in parked["words"]
        await asyncio.sleep(0.4)
        assert wrong.child.returncode is None
        assert len(wrong.events("member_parked")) == 1
        checked = await shown(one, "check", env=settings(tmp_path, OTHER))
        assert "add the key they were sealed with" in checked
        assert await wrong.stop() == 0

        both = await one.daemon(HASTE, **settings(tmp_path, SECOND, FIRST))
        assert both.events("tokens_resealed")
        await one.wait_until(one.is_drained, "it goes on", both)
        await both.stop()
        held = await SealedTokens(one.database, "ads", [SECOND]).read()
        assert held is not None
        assert held.access != ACCESS
