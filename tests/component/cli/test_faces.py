"""Each command says the same and ends the same, whether it asks a server or works on the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from cryptography.fernet import Fernet

from syncd.cli.shell import asks_api
from tests.component.cli.linkedin import running
from tests.component.cli.served import House, Side, both, command, plain
from tests.component.cli.test_whole import commands
from tests.component.sandbox.driver import user

OURS = "urn:li:sponsoredAccount:123456"
PERSON = "cnry.ann@example.com"
PASSWORD = "a password of hers\n"
GOOD = '{"segment":"ours","action":"ADD","payload":{"email":"ann@example.com"}}\n'
BAD = '{"segment":"ours","action":"ADD","payload":{"email":"cnry at example.com"}}\n'
NEW = ("segments", "create", "new", "--name", "New", "--kind", "user", "--account", OURS, "--member", "demo")
PLACE = ("--include", "locations=urn:li:geo:103644278")
KEY = Fernet.generate_key().decode()

Step = tuple[tuple[str, ...], str, int]


def step(*arguments: str, stdin: str = "", code: int = 0) -> Step:
    return arguments, stdin, code


STORIES: dict[str, list[Step]] = {
    "segments are listed and shown": [
        step("segments", "list"),
        step("segments", "list", "--json"),
        step("segments", "show", "ours"),
        step("segments", "show", "ours", "--json"),
        step("segments", "show", "nobody", code=2),
        step("segments", "show", "..", code=2),
        step("segments", "show", "a/b?c#d", code=2),
    ],
    "a segment is made, paused, resumed, recreated and deleted": [
        step(*NEW),
        step(*NEW, code=2),
        step("segments", "create", "other", *NEW[3:-1], "nobody", code=2),
        step("segments", "pause", "new"),
        step("segments", "list"),
        step("segments", "resume", "new"),
        step("segments", "adopt", "new", code=2),
        step("segments", "recreate", "new"),
        step("segments", "delete", "new", code=2),
        step("segments", "delete", "new", "--yes"),
        step("segments", "show", "new", "--json"),
        step("audit"),
        step("audit", "--target", "new", "--json"),
        step("audit", "--action", "segment.pause", "--limit", "1"),
        step("audit", "--actor", "nobody"),
    ],
    "a segment is named at LinkedIn": [
        step("segments", "rename", "theirs", "Other", code=2),
        step("segments", "rename", "nobody", "Other", code=2),
    ],
    "members are listed, paused and resumed": [
        step("members", "list"),
        step("members", "list", "--json"),
        step("members", "pause", "demo"),
        step("members", "list"),
        step("members", "resume", "demo"),
        step("members", "resume", "nobody", code=2),
        *(step("members", "pause", name, code=2) for name in ("..", ".", "", "a/b?c#d %", "Ünknown")),
        step("members", "sign-in", "demo", "--redirect-uri", "https://example.com/back", code=78),
        step("members", "sign-in", "nobody", "--redirect-uri", "https://example.com/back", code=2),
    ],
    "changes are posted and followed": [
        step("changes", "show", "10"),
        step("changes", "show", "11", "--json"),
        step("changes", "show", "12"),
        step("changes", "show", "99", code=1),
        step("changes", "show", "99", "--json", code=1),
        step("changes", "show", str(10**18 - 1), code=1),
        step("changes", "post", stdin=GOOD * 3),
        step("changes", "post", "--json", stdin=GOOD),
        step("changes", "post", stdin=GOOD + BAD * 25, code=2),
        step("changes", "post", "--partial", stdin=GOOD + BAD),
        step("changes", "post", stdin="", code=2),
        step("segments", "list"),
    ],
    "batches are listed and shown": [
        step("batches", "list"),
        step("batches", "list", "--json"),
        step("batches", "list", "--open"),
        step("batches", "list", "--closed", "--limit", "1"),
        step("batches", "list", "--segment", "theirs"),
        step("batches", "show", "1"),
        step("batches", "show", "1", "--json"),
        step("batches", "show", "99", code=2),
    ],
    "dead letters are listed, exported, retried and dropped": [
        step("dead-letters", "list"),
        step("dead-letters", "list", "--json"),
        step("dead-letters", "list", "--limit", "0"),
        step("dead-letters", "list", "--segment", "ours", "--reason", "invalid_email"),
        step("dead-letters", "list", "--segment", "nobody", code=2),
        step("dead-letters", "export"),
        step("dead-letters", "export", "--segment", "ours"),
        step("dead-letters", "export", "--segment", "nobody", code=2),
        step("dead-letters", "retry", "--segment", "ours"),
        step("dead-letters", "retry", "--id", "1", "--json"),
        step("dead-letters", "retry", code=2),
        step("dead-letters", "drop", "--all", code=2),
        step("dead-letters", "drop", "--segment", "theirs", "--yes"),
        step("dead-letters", "list"),
    ],
    "a resync is planned, started, shown and cancelled": [
        step("resyncs", "list"),
        step("resync", "ours", "--mode", "replay", "--dry-run"),
        step("resyncs", "show", "1", "--json"),
        step("resyncs", "start", "1", "--reason", "TICKET-1", code=2),
        step("resyncs", "start", "1", "--reason", "TICKET-1", "--confirm", "ours"),
        step("resyncs", "start", "1", "--reason", "TICKET-1", "--confirm", "ours", code=2),
        step("resync", "ours", "--mode", "replay", "--reason", "TICKET-2", code=2),
        step("resyncs", "cancel", "1", "--reason", "not now"),
        step("resync", "ours", "--mode", "replay", "--reason", PERSON, code=2),
        step("resync", "ours", "--mode", "replay", "--reason", "TICKET-3", "--json"),
        step("resyncs", "list"),
        step("resyncs", "list", "--segment", "ours", "--json"),
        step("resyncs", "list", "--segment", "nobody", code=2),
        step("resyncs", "show", "99", code=2),
        step("resync", "nobody", "--mode", "replay", "--reason", "x", code=2),
        step("resync", "theirs", "--mode", "reconcile", "--reason", "x", code=2),
    ],
    "somebody is let in, changed and let out": [
        step("users", "add", "Ann", "--role", "admin", stdin=PASSWORD),
        step("users", "add", "ann", "--role", "admin", stdin=PASSWORD, code=2),
        step("users", "add", "bob", "--role", "viewer", "--account", OURS, stdin=PASSWORD),
        step("users", "add", "eve", "--role", "viewer", stdin="short\n", code=2),
        step("users", "list"),
        step("users", "role", "bob", "operator"),
        step("users", "list", "--json"),
        step("users", "role", "bob", "operator", "--all-accounts"),
        step("users", "password", "bob", stdin=PASSWORD),
        step("users", "remove", "bob"),
        step("users", "remove", "ann", code=2),
        step("users", "remove", "nobody", code=2),
        step("users", "remove", "..", code=2),
        step("users", "role", "a/../ann", "viewer", code=2),
    ],
    "a token is made, listed and revoked": [
        step("tokens", "add", "crm", "--role", "operator", "--days", "30", "--account", OURS),
        step("tokens", "add", "crm", "--role", "viewer", "--json"),
        step("tokens", "list"),
        step("tokens", "list", "--json"),
        step("tokens", "revoke", "4"),
        step("tokens", "revoke", "999", code=2),
    ],
    "a person is erased": [
        step("erase", "--reason", "request 7", "--yes", "--file", "-", stdin=PERSON),
        step("erase", "--reason", "request 8", "--yes", "--file", "-", "--json", stdin="b@example.com"),
        step("erase", "--reason", "request 9", "--yes", "--file", "-", stdin="no address", code=2),
        step("erase", "--reason", PERSON, "--yes", "--file", "-", stdin=PERSON, code=2),
        step("erasures", "list"),
        step("erasures", "list", "--json", "--limit", "1"),
        step("erasures", "show", "1"),
        step("erasures", "show", "1", "--json"),
        step("erasures", "evidence", "1"),
        step("erasures", "show", "9", code=2),
    ],
    "people opt out": [
        step("opt-outs", "add", "--file", "-", stdin=f"{PERSON}\n\nno address\nb@example.com\n", code=2),
        step("opt-outs", "add", "--file", "-", "--json", stdin=PERSON),
        step("opt-outs", "check", "--file", "-", stdin=PERSON),
        step("opt-outs", "check", "--file", "-", "--json", stdin=PERSON),
        step("opt-outs", "remove", "--file", "-", stdin=PERSON),
        step("opt-outs", "check", "--file", "-", stdin="c@example.com"),
        step("opt-outs", "remove", "--file", "-", stdin="c@example.com"),
    ],
}


@pytest.fixture
def sides(house: House, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    with both(house, tmp_path, erasure={"key": KEY}) as sides:
        yield sides


def told_alike(sides: tuple[Side, Side], story: list[Step]) -> None:
    here, there = sides
    for arguments, stdin, code in story:
        mine, theirs = here(*arguments, stdin=stdin), there(*arguments, stdin=stdin)
        assert (mine.code, theirs.code) == (code, code), (arguments, mine, theirs)
        assert plain(theirs.out) == plain(mine.out), arguments
        assert plain(theirs.err) == plain(mine.err), arguments
        assert "Traceback" not in mine.err
        assert "cnry" not in mine.out + mine.err + theirs.out + theirs.err


@pytest.mark.parametrize("name", STORIES)
def test_a_command_says_the_same_by_both_ways(sides: tuple[Side, Side], name: str) -> None:
    told_alike(sides, STORIES[name])


LINKEDIN: list[Step] = [
    step("facets"),
    step("facets", "--json"),
    step("entities", "germany"),
    step("entities", "--facet", "seniorities", "--facet", "jobFunctions", "--limit", "3", "--json"),
    step("entities", code=2),
    step("entities", "x", "--facet", "no such", code=2),
    step("insights", "ours", "--by", "seniorities"),
    step("insights", "ours", "--by", "seniorities", "--in-order", "--fresh", "--json"),
    step("insights", "ours", "--by", "no such", code=2),
    step("insights", "theirs", code=2),
    step("insights", "nobody", code=2),
    step("forecast", "ours", "--objective", "BRAND_AWARENESS", "--budget", "500", *PLACE),
    step("forecast", "ours", "--objective", "BRAND_AWARENESS", "--from", "2026-01-01", *PLACE, code=2),
    step("forecast", "nobody", "--objective", "BRAND_AWARENESS", code=2),
    step("templates", "create", "--name", "One", "--account", OURS, *PLACE, *PLACE),
    step("templates", "create", "--name", "Two", "--segment", "ours", "--json", *PLACE),
    step("templates", "create", "--name", "Three", "--account", "me", *PLACE, code=2),
    step("templates", "list"),
    step("templates", "list", "--sort", "NAME", "--descending", "--json"),
    step("templates", "show", "{template}"),
    step("templates", "update", "{template}", "--name", "New", "--segment", "ours", *PLACE),
    step("templates", "update", "{template}", code=2),
    step("templates", "show", "{template}", "--json"),
    step("templates", "show", "one", code=2),
    step("templates", "delete", "{template}", code=2),
    step("templates", "delete", "{template}", "{template}", "--yes", "--json"),
    step("templates", "delete", "one", "--yes", code=2),
    step("segments", "rename", "ours", "Called otherwise"),
    step("segments", "rename", "ours", " ", code=2),
]


@pytest.fixture
def at_linkedin(house: House, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Two sides with a LinkedIn of their own each, where 3,000 people are in `ours`."""
    with running() as first, running() as second, both(house, tmp_path, first.origin, second.origin) as sides:
        for linkedin, name in ((first, "database"), (second, "api")):
            facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(3_000)]))
            (audience,) = facet["audienceMatchingSegments"]
            number = linkedin.do(linkedin.sandbox.create("syncd:ours"))
            with closing(sqlite3.connect(tmp_path / name / "syncd.db")) as connection, connection:
                values = "dmp_id = ?, ad_segment = ?, status = 'READY'"
                connection.execute(f"update segments set {values} where key = 'ours'", (int(number), audience))
        yield sides


def test_what_is_asked_of_linkedin_is_told_the_same(at_linkedin: tuple[Side, Side]) -> None:
    made = []
    for side in at_linkedin:
        told = side("templates", "create", "--name", "Zero", "--account", OURS, "--json", *PLACE)
        assert told.code == 0, told
        made.append(json.loads(told.out)["id"])
    assert made[0] == made[1]
    filled = [(tuple(part.format(template=made[0]) for part in words), stdin, code) for words, stdin, code in LINKEDIN]
    told_alike(at_linkedin, filled)


def test_a_picture_is_drawn_of_what_a_server_says(at_linkedin: tuple[Side, Side], tmp_path: Path) -> None:
    for name, side in zip(("here", "there"), at_linkedin, strict=True):
        told = side("insights", "ours", "--by", "seniorities", "--svg", str(tmp_path / f"{name}.svg"))
        assert told.code == 0, told
    assert plain((tmp_path / "here.svg").read_text()) == plain((tmp_path / "there.svg").read_text())


def test_a_snapshot_goes_to_the_server_and_is_planned_by_the_daemon(sides: tuple[Side, Side], tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email\n" + "".join(f"cnry{number}@example.com\n" for number in range(30_000)))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    upload = ("resync", "ours", "--mode", "reconcile", "--file", str(file), "--as-of", now, "--dry-run", "--wait", "0")
    told_alike(
        sides,
        [
            step(*upload, "--reason", "TICKET-9", code=2),
            step("resyncs", "show", "1", "--json"),
            step(*(*upload[:6], now, "--dry-run"), code=2),
            step(*(*upload[:7], "2026-01-01T00:00:00", *upload[8:]), code=2),
        ],
    )
    told = sides[1]("resyncs", "show", "1", "--json")
    assert (json.loads(told.out)["state"], json.loads(told.out)["reason"]) == ("planning", "TICKET-9")


def test_lists_longer_than_a_page_are_followed(house: House, tmp_path: Path) -> None:
    with both(house, tmp_path) as sides:
        for name in ("database", "api"):
            with closing(sqlite3.connect(tmp_path / name / "syncd.db")) as connection, connection:
                columns = "name, kind, account, member, dmp_id"
                connection.executemany(
                    f"insert into segments (key, {columns}) select ?, name, kind, account, member, null from segments"
                    " where key = 'ours'",
                    [(f"more-{number:03}",) for number in range(450)],
                )
                connection.executemany(
                    "insert into audit (actor, door, action, target, reason, before, after)"
                    " values ('ann', 'token', 'segment.pause', ?, '', '{}', '{}')",
                    [(f"more-{number:03}",) for number in range(450)],
                )
        told_alike(
            sides,
            [
                step("segments", "list", "--json"),
                step("audit", "--actor", "ann", "--limit", "401", "--json"),
                step("audit", "--actor", "ann", "--limit", "10000"),
            ],
        )
        assert len(json.loads(sides[1]("segments", "list", "--json").out)["segments"]) == 452
        assert len(json.loads(sides[1]("audit", "--actor", "ann", "--limit", "401", "--json").out)) == 401


def leaves(asking: bool) -> set[str]:
    return {
        path.removeprefix("syncd ")
        for path, one in commands()
        if not isinstance(one, click.Group) and asks_api(one) is asking
    }


def test_every_command_that_asks_the_api_is_tried() -> None:
    steps = [*LINKEDIN, *(one for story in STORIES.values() for one in story), step("resync")]
    tried = {" ".join(arguments[:2]) for arguments, _, _ in steps} | {arguments[0] for arguments, _, _ in steps}
    assert leaves(asking=True) - tried == set()


AT_HOME: dict[str, tuple[str, ...]] = {
    "run": (),
    "demo": ("--once",),
    "sandbox": (),
    "migrate": (),
    "check": (),
    "segments destinations": ("ours",),
    "segments clean-up": ("1", "--yes"),
    "accounts list": (),
    "accounts audiences": (),
    "epoch show": (),
    "epoch start": ("--reason", "x"),
    "enqueue": ("ours", "ADD"),
    "import": (__file__, "--segment", "ours"),
    "upload": (__file__, "--segment", "ours"),
    "ad-segments": (),
}


def test_somebody_has_decided_whom_every_command_asks() -> None:
    assert leaves(asking=False) == set(AT_HOME)


@pytest.mark.parametrize("name", AT_HOME)
def test_what_works_on_this_machine_says_so_where_a_server_is_meant(name: str) -> None:
    told = command(*name.split(), *AT_HOME[name], stdin="{}", SYNCD_URL="http://127.0.0.1:9", SYNCD_TOKEN="x")
    assert (told.code, told.out) == (2, "")
    assert told.err == f"syncd: `syncd {name}` works on this machine, not on an API: unset SYNCD_URL for it\n"
