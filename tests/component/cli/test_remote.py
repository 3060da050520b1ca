"""What commands do to segments at LinkedIn at once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from syncd.cli.commands import syncd
from syncd.store import segments
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.component.cli.conftest import ACCOUNT, Cli, configuration
from tests.component.cli.linkedin import Linkedin, running


@pytest.fixture
def linkedin() -> Iterator[Linkedin]:
    with running() as begun:
        yield begun


@pytest.fixture
def ours(linkedin: Linkedin) -> int:
    """The id at LinkedIn of `new`."""
    return int(linkedin.do(linkedin.sandbox.create("syncd:new")))


@pytest.fixture
def cli(store_url: str, tmp_path: Path, linkedin: Linkedin, ours: int) -> Cli:
    config = configuration(tmp_path, store_url, linkedin.origin)

    async def know() -> None:
        database = Database(store_url)
        wanted = [Declared(key=key, name=key, kind="user", account=ACCOUNT, member="demo") for key in ("new", "fresh")]
        async with database.begin() as connection:
            await segments.declare(connection, {"demo": "default"}, wanted, declared=False)
            binding = await segments.find(connection, "new")
            assert binding is not None
            await segments.bind(connection, binding.segment, ours, bound_at=None, ad_segment=None)
        await database.close()

    asyncio.run(know())

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(syncd, ["--config", str(config), *arguments], input=stdin)

    return run


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_segment_gets_another_name_here_and_there(cli: Cli, linkedin: Linkedin, ours: int) -> None:
    assert cli("segments", "rename", "new", "Newer").exit_code == 0
    assert linkedin.do(linkedin.sandbox.status(str(ours)))["name"] == "Newer"
    assert read(cli("segments", "show", "new", "--json"))["segment"]["name"] == "Newer"


def test_its_destinations_and_ad_segments_are_shown(cli: Cli, ours: int) -> None:
    assert ours > 0
    (served,) = read(cli("segments", "destinations", "new", "--json"))
    assert (served["name"], served["status"]) == ("LINKEDIN", "BUILDING")
    told = cli("ad-segments").stdout
    assert re.search(rf"^{served['ad_segment']} +syncd:new +BUILDING", told, re.MULTILINE)


def test_leftovers_are_deleted_in_one_call_and_ours_never(cli: Cli, linkedin: Linkedin, ours: int) -> None:
    others = [linkedin.do(linkedin.sandbox.create(f"other-{number}")) for number in range(2)]
    before = linkedin.calls
    refused = cli("segments", "clean-up", str(ours), others[0], "--yes")
    assert (refused.exit_code, linkedin.calls) == (2, before)
    assert "segment new is bound to one of them" in refused.stderr
    done = cli("segments", "clean-up", *others, *others, "5", "--yes")
    assert linkedin.calls == before + 1
    assert (done.exit_code, done.stdout) == (1, "".join(f"segment {one} is deleted\n" for one in others))
    assert "segment 5 is still there: 404" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("segments", "rename", "nobody", "x"), "there is no segment nobody"),
        (("segments", "rename", "fresh", "x"), "is not bound to one at LinkedIn yet"),
        (("segments", "rename", "new", " "), "a segment has a name"),
        (("segments", "destinations", "fresh"), "is not bound to one at LinkedIn yet"),
        (("segments", "clean-up", "7"), "needs --yes"),
        (("segments", "clean-up", "x", "--yes"), "is not a valid integer range"),
        (("ad-segments", "--account", "me"), "'me' is no ad account"),
    ],
)
def test_bad_input_costs_no_call(cli: Cli, linkedin: Linkedin, arguments: tuple[str, ...], words: str) -> None:
    before = linkedin.calls
    told = cli(*arguments)
    assert (told.exit_code, told.stdout, linkedin.calls) == (2, "", before)
    assert re.fullmatch(r"syncd: [^\n]*\n", told.stderr)
    assert words in told.stderr
