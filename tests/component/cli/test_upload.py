"""A file becomes a segment that is followed and never streamed to; a bad file costs nobody a call."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from syncd.cli.commands import syncd
from syncd.domain.segment import SegmentParking
from syncd.store import segments
from syncd.store.engine import Database
from syncd.store.segments import Binding
from tests.component.cli.conftest import Cli, configuration
from tests.component.cli.linkedin import Linkedin, running
from tests.component.sandbox.driver import digest

CONTACTS = "email,firstname,lastname,country"


@pytest.fixture
def linkedin() -> Iterator[Linkedin]:
    with running() as begun:
        yield begun


@pytest.fixture
def cli(store_url: str, tmp_path: Path, linkedin: Linkedin) -> Cli:
    config = configuration(tmp_path, store_url, linkedin.origin)

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(syncd, ["--config", str(config), *arguments], input=stdin)

    return run


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox takes data for a new segment at once."""
    monkeypatch.setattr("syncd.reconcile.upload._SETTLES", 0.05)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """400 of them, some with a plain address, some hashed."""
    return written(tmp_path, [f"{digest(str(n)) if n % 2 else f'P{n}@Example.com '},Ann,Lee,de" for n in range(400)])


def written(directory: Path, rows: list[str], header: str = CONTACTS, encoding: str = "utf-8") -> Path:
    file = directory / "list.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return file


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def bindings(url: str, *, lists: bool) -> list[Binding]:
    async def look() -> list[Binding]:
        database = Database(url)
        async with database.read() as connection:
            found, _ = await segments.of_members(connection, ["demo"], lists=lists)
        await database.close()
        return found

    return asyncio.run(look())


def members(linkedin: Linkedin, dmp_id: int) -> set[str]:
    return linkedin.do(linkedin.sandbox.members(str(dmp_id)))


def test_a_file_becomes_a_segment_of_hashes(cli: Cli, people: Path, linkedin: Linkedin) -> None:
    told = cli("upload", str(people), "--segment", "fair")
    assert told.exit_code == 0, told.stderr
    assert re.fullmatch(
        r"400 rows are uploaded; a new segment fair \(LinkedIn's \d+\) is being matched.*\n", told.stdout
    )
    (segment,) = linkedin.do(linkedin.sandbox.look("segments"))
    assert (segment["type"], segment["sourceSegmentId"], segment["account"]) == (
        "USER_LIST_UPLOAD",
        "syncd:fair",
        "urn:li:sponsoredAccount:123456",
    )
    ann = hashlib.sha256(b"p0@example.com").hexdigest()
    found = members(linkedin, segment["id"])
    assert len(found) == 400
    assert f"SHA256_EMAIL:{ann}" in found
    assert linkedin.do(linkedin.sandbox.look("violations")) == []


def test_it_is_followed_like_any_segment_and_never_streamed_to(
    cli: Cli, people: Path, store_url: str, linkedin: Linkedin
) -> None:
    made = read(cli("upload", str(people), "--segment", "fair", "--json"))
    assert (made["new"], made["rows"], made["kind"], made["skipped"]) == (True, 400, "user", {})
    (followed,) = bindings(store_url, lists=True)
    assert (followed.segment.key, followed.segment.dmp_id) == ("fair", made["dmp_id"])
    assert (followed.segment.status, followed.segment.takes_lists) == ("BUILDING", True)
    assert bindings(store_url, lists=False) == []
    listed = read(cli("segments", "list", "--json"))["segments"]
    assert [(one["key"], one["kind"]) for one in listed] == [("fair", "user list")]
    before = linkedin.calls
    for refused in (
        cli("enqueue", "fair", "ADD", stdin='{"email":"ann@example.com"}'),
        cli("import", str(people), "--segment", "fair"),
        cli("segments", "recreate", "fair"),
        cli("resync", "fair", "--mode", "replay", "--reason", "x"),
    ):
        assert refused.exit_code == 2
        assert "takes whole lists" in refused.stderr
    assert linkedin.calls == before


def test_a_second_list_replaces_the_first(cli: Cli, people: Path, tmp_path: Path, linkedin: Linkedin) -> None:
    first = read(cli("upload", str(people), "--segment", "fair", "--json"))
    linkedin.do(linkedin.sandbox.control("clock", {"advance": 49 * 3_600}))
    second = read(
        cli("upload", str(written(tmp_path, [f"{n}@x.de,,," for n in range(300)])), "--segment", "fair", "--json")
    )
    assert (second["new"], second["dmp_id"]) == (False, first["dmp_id"])
    assert len(members(linkedin, first["dmp_id"])) == 300


def test_a_new_list_lets_an_expired_segment_go_on(cli: Cli, people: Path, store_url: str) -> None:
    read(cli("upload", str(people), "--segment", "fair", "--json"))

    async def expire() -> None:
        database = Database(store_url)
        async with database.begin() as connection:
            binding = await segments.find(connection, "fair")
            assert binding is not None
            await segments.park(connection, binding.segment.id, SegmentParking.EXPIRED, "expired")
        await database.close()

    asyncio.run(expire())
    assert read(cli("segments", "show", "fair", "--json"))["segment"]["parked"] == "expired"
    read(cli("upload", str(people), "--segment", "fair", "--json"))
    assert read(cli("segments", "show", "fair", "--json"))["segment"]["parked"] is None


def test_companies_go_into_a_segment_of_companies(cli: Cli, tmp_path: Path, linkedin: Linkedin) -> None:
    rows = [f"Firm {n},firm{n}.example,Berlin" for n in range(300)]
    file = written(tmp_path, rows, "CompanyName,CompanyWebsite,City")
    made = read(cli("upload", str(file), "--segment", "firms", "--name", "Firms", "--json"))
    assert made["kind"] == "company"
    (segment,) = linkedin.do(linkedin.sandbox.look("segments"))
    assert (segment["type"], segment["name"]) == ("COMPANY_LIST_UPLOAD", "Firms")


def test_rows_that_cannot_be_sent_are_left_out_only_when_asked(cli: Cli, tmp_path: Path, linkedin: Linkedin) -> None:
    file = written(tmp_path, [*(f"{n}@x.de,,," for n in range(300)), "ann at x.de,,,", ",Ann,Lee,"])
    told = cli("upload", str(file), "--segment", "fair")
    assert told.exit_code == 2
    assert "2 of 302 rows cannot be sent (--skip-rejects leaves them out): line 302: " in told.stderr
    assert "ann at" not in told.output
    assert linkedin.calls == 0
    done = read(cli("upload", str(file), "--segment", "fair", "--skip-rejects", "--json"))
    assert (done["rows"], done["skipped"]) == (300, {"invalid_email": 1, "no_identifier": 1})


def test_rows_that_are_repeated_once_hashed_are_told_and_do_not_make_a_list_long_enough(
    cli: Cli, tmp_path: Path, linkedin: Linkedin
) -> None:
    short = written(tmp_path, [*(f"{n}@x.de,,," for n in range(299)), " 0@X.de,,,", "1@x.de,,,"])
    told = cli("upload", str(short), "--segment", "fair")
    assert (told.exit_code, linkedin.calls) == (2, 0)
    assert "has 301 rows that can be sent, 2 of them repeated; a list needs 300 different ones" in told.stderr
    enough = written(tmp_path, [*(f"{n}@x.de,,," for n in range(300)), " 0@X.de,,,", "1@x.de,,,"])
    done = cli("upload", str(enough), "--segment", "fair")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("302 rows are uploaded, 2 of them repeated; a new segment fair ")


def test_after_a_crash_between_creation_and_note_the_segment_is_taken_not_made_again(
    cli: Cli, people: Path, store_url: str, linkedin: Linkedin
) -> None:
    first = read(cli("upload", str(people), "--segment", "fair", "--json"))

    async def forget() -> None:
        database = Database(store_url)
        async with database.begin() as connection:
            binding = await segments.find(connection, "fair")
            assert binding is not None
            await segments.change(connection, binding.segment.id, dmp_id=None)
        await database.close()

    asyncio.run(forget())
    assert bindings(store_url, lists=True) == []
    again = read(cli("upload", str(people), "--segment", "fair", "--json"))
    assert again["dmp_id"] == first["dmp_id"]
    assert len(linkedin.do(linkedin.sandbox.look("segments"))) == 1


def test_a_segment_nobody_here_meant_to_make_is_left_alone(cli: Cli, people: Path, linkedin: Linkedin) -> None:
    body = {
        "name": "theirs",
        "account": "urn:li:sponsoredAccount:123456",
        "sourcePlatform": "LIST_UPLOAD",
        "sourceSegmentId": "syncd:fair",
        "type": "USER_LIST_UPLOAD",
    }
    linkedin.do(linkedin.sandbox.call("POST", "/dmpSegments", body))
    told = cli("upload", str(people), "--segment", "fair")
    assert told.exit_code == 2
    assert "that this database did not make" in told.stderr


def test_a_segment_that_linkedin_lost_says_what_to_do(cli: Cli, people: Path, linkedin: Linkedin) -> None:
    made = read(cli("upload", str(people), "--segment", "fair", "--json"))
    linkedin.do(linkedin.sandbox.call("DELETE", f"/dmpSegments/{made['dmp_id']}"))
    told = cli("upload", str(people), "--segment", "fair")
    assert told.exit_code == 2
    assert "`syncd segments delete fair`, then upload again" in told.stderr


def test_a_new_segment_that_is_not_visible_yet_is_waited_for(store_url: str, tmp_path: Path, people: Path) -> None:
    with running(visible_after=0.3) as linkedin:
        config = configuration(tmp_path, store_url, linkedin.origin)
        told = CliRunner().invoke(syncd, ["--config", str(config), "upload", str(people), "--segment", "fair"])
        assert told.exit_code == 0, told.stderr
        statuses = [entry.status for entry in linkedin.sandbox.world.journal.since(0)]
    assert 404 in statuses
    assert statuses[-1] == 201


ROWS = [f"{n}@x.de,,," for n in range(300)]


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (ROWS[:299], CONTACTS, "has 299 rows that can be sent; a list needs 300"),
        ([], CONTACTS, "has 0 rows"),
        (["1@x.de"] * 300_001, "email", "more than 300,000 rows"),
        (ROWS, "email,first,last,land", "no place for 'first', 'last', 'land'"),
        (ROWS, "email,email,lastname,country", "names a column twice"),
        (["Ann,Lee"] * 300, "firstname,country", "who is meant"),
        ([*ROWS, "a@x.de,Ann"], CONTACTS, "line 302 has 2 columns where the header has 4"),
        ([*ROWS, '"a@x.de"x,,,'], CONTACTS, "line 302 is not CSV"),
    ],
)
def test_a_bad_file_is_one_line_and_costs_no_call(
    cli: Cli, tmp_path: Path, linkedin: Linkedin, rows: list[str], header: str, words: str
) -> None:
    refused(cli("upload", str(written(tmp_path, rows, header)), "--segment", "fair"), words, linkedin)


def test_a_file_in_another_encoding_or_empty_is_refused(cli: Cli, tmp_path: Path, linkedin: Linkedin) -> None:
    refused(cli("upload", str(written(tmp_path, ROWS, encoding="utf-16")), "--segment", "f"), "in UTF-16", linkedin)
    latin = written(tmp_path, [*ROWS, "é@x.de,,,"], encoding="latin-1")
    refused(cli("upload", str(latin), "--segment", "f"), "not in UTF-8", linkedin)
    latin.write_text("")
    refused(cli("upload", str(latin), "--segment", "f"), "is empty", linkedin)


def test_a_file_over_20_mb_once_hashed_is_refused(cli: Cli, tmp_path: Path, linkedin: Linkedin) -> None:
    rows = [f"{n}@x.de,{'A' * 35},{'B' * 35},{'C' * 50}" for n in range(115_000)]
    file = written(tmp_path, rows, "email,firstname,lastname,jobtitle")
    refused(cli("upload", str(file), "--segment", "fair"), "a list may have 20 MB", linkedin)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--segment", "trial"), "declared in the configuration"),
        (("--segment", "no such key"), "key"),
        (("--segment", "fair", "--account", "me"), "'me' is no ad account"),
        ((), "Missing option '--segment'"),
    ],
)
def test_a_segment_that_takes_no_list_costs_no_call(
    cli: Cli, people: Path, linkedin: Linkedin, more: tuple[str, ...], words: str
) -> None:
    refused(cli("upload", str(people), *more), words, linkedin)


def test_a_list_of_the_other_kind_or_a_streaming_segment_is_refused(
    cli: Cli, people: Path, tmp_path: Path, linkedin: Linkedin
) -> None:
    account = "urn:li:sponsoredAccount:123456"
    cli("segments", "create", "new", "--name", "N", "--kind", "user", "--account", account, "--member", "demo")
    refused(cli("upload", str(people), "--segment", "new"), "is streamed to and takes no list", linkedin)
    read(cli("upload", str(people), "--segment", "fair", "--json"))
    before = linkedin.calls
    companies = written(tmp_path, [f"Firm {n}" for n in range(300)], "companyname")
    told = cli("upload", str(companies), "--segment", "fair")
    assert (told.exit_code, "takes lists of the kind user" in told.stderr) == (2, True)
    assert linkedin.calls == before


def refused(told: Result, words: str, linkedin: Linkedin) -> None:
    assert (told.exit_code, told.stdout) == (2, "")
    assert re.fullmatch(r"syncd: [^\n]*\n", told.stderr), told.stderr
    assert words in told.stderr
    assert "@" not in told.stderr
    assert linkedin.calls == 0
