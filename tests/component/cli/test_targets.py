"""Which segments campaigns can target, as the commands say it: by what is known of a segment, before a call is spent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from syncd.cli.commands import syncd
from syncd.store import segments, tables
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.component.cli.conftest import ACCOUNT, Cli, configuration
from tests.component.cli.linkedin import Linkedin, running
from tests.component.sandbox.driver import user

US = ("--include", "locations=urn:li:geo:103644278")
WORLD = ("--include", "locations=urn:li:geo:102221843")
INSIGHTS = ("insights", "trial", "--by", "seniorities")
FORECAST = ("forecast", "trial", "--objective", "VIDEO_VIEW")
TEMPLATE = ("templates", "create", "--name", "x", "--segment", "trial")
Standing = Callable[..., None]


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


@pytest.fixture
def stands(store_url: str) -> Standing:
    """Writes down what is known of `trial`: columns of its row."""

    async def write(columns: dict[str, object]) -> None:
        database = Database(store_url)
        wanted = Declared(key="trial", name="trial", kind="user", account=ACCOUNT, member="demo")
        async with database.begin() as connection:
            await segments.declare(connection, {"demo": "default"}, [wanted], declared=False)
            row = {"dmp_id": 9_821_001, "ad_segment": "urn:li:adSegment:1"} | columns
            await connection.execute(update(tables.segments).values(row))
        await database.close()

    return lambda **columns: asyncio.run(write(columns))


REPLAY = "purged everybody in it: `syncd resync trial --mode replay`, and ask again when it is READY"
UPLOAD = "`syncd upload FILE.csv --segment trial`"


@pytest.mark.parametrize("command", [INSIGHTS, (*FORECAST, *US), TEMPLATE], ids=["insights", "forecast", "template"])
@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"status": "EXPIRED"}, REPLAY),
        ({"status": "EXPIRED", "ad_segment": None}, REPLAY),
        ({"status": "READY", "parked": "purged"}, REPLAY),
        ({"status": "EXPIRED", "takes_lists": True}, f"purged everybody in it: {UPLOAD}"),
        ({"status": "FAILED", "takes_lists": True}, f"could not take its list: {UPLOAD}"),
        ({"status": "FAILED"}, "could not build it: `syncd segments recreate trial`"),
        (
            {"status": "ERROR"},
            "failed on it: `syncd segments recreate trial`, or ask LinkedIn's support, with its id 9821",
        ),
        ({"status": "READY", "parked": "lost"}, "does not know it any more: `syncd segments recreate trial`"),
        ({"parked": "lost", "takes_lists": True}, "`syncd segments delete trial`, then upload its list again"),
    ],
)
def test_a_segment_that_campaigns_may_not_target_is_refused_by_what_is_known_of_it(
    cli: Cli, linkedin: Linkedin, stands: Standing, command: tuple[str, ...], known: dict[str, object], words: str
) -> None:
    stands(**known)
    told = cli(*command)
    assert (told.exit_code, told.stdout) == (2, "")
    assert re.fullmatch(r"syncd: segment trial cannot be targeted: LinkedIn [^\n]*\n", told.stderr), told.stderr
    assert words in told.stderr
    assert linkedin.calls == 0


def test_insights_that_are_kept_are_not_shown_of_a_segment_that_was_purged(
    cli: Cli, linkedin: Linkedin, stands: Standing
) -> None:
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(3_000)]))
    stands(status="READY", ad_segment=facet["audienceMatchingSegments"][0])
    assert "Job seniorities of " in cli(*INSIGHTS).stdout
    asked = linkedin.calls
    stands(status="EXPIRED", ad_segment=facet["audienceMatchingSegments"][0])
    told = cli(*INSIGHTS)
    assert (told.exit_code, told.stdout) == (2, "")
    assert linkedin.calls == asked


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"status": "READY", "audience_size": 299}, "an audience of 300, and that of segment trial is 299: send more"),
        ({"status": "READY", "audience_size": 0}, "and that of segment trial is 0: send more people"),
        ({"status": "BUILDING"}, "has not matched segment trial yet, which takes up to 48 hours: ask again when"),
        ({"status": "BUILDING", "audience_size": 0}, "has not matched segment trial yet"),
    ],
)
def test_a_forecast_of_an_audience_known_to_be_too_small_or_not_matched_costs_no_call(
    cli: Cli, linkedin: Linkedin, stands: Standing, known: dict[str, object], words: str
) -> None:
    stands(**known)
    told = cli(*FORECAST, *WORLD)
    assert (told.exit_code, told.stdout) == (2, "")
    assert re.fullmatch(r"syncd: [^\n]*\n", told.stderr), told.stderr
    assert words in told.stderr
    assert linkedin.calls == 0


@pytest.mark.parametrize(
    "known",
    [
        {"status": "READY", "audience_size": 300},
        {"status": "READY"},
        {"status": "UPDATING", "audience_size": 299},
        {"status": "BUILDING", "audience_size": 4_000},
        {"status": ""},
    ],
)
def test_a_forecast_that_may_be_had_is_asked_for(
    cli: Cli, linkedin: Linkedin, stands: Standing, known: dict[str, object]
) -> None:
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(3_000)]))
    stands(ad_segment=facet["audienceMatchingSegments"][0], **known)
    before = linkedin.calls
    told = cli(*FORECAST, *WORLD)
    assert told.exit_code == 0, told.stderr
    assert linkedin.calls > before


def test_enough_in_a_segment_may_be_too_few_of_a_place_which_only_linkedin_knows(
    cli: Cli, linkedin: Linkedin, stands: Standing
) -> None:
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(600)]))
    stands(status="READY", audience_size=400, ad_segment=facet["audienceMatchingSegments"][0])
    before = linkedin.calls
    told = cli(*FORECAST, "--include", "locations=urn:li:geo:101282230")
    assert told.exit_code == 2
    assert "FAILED_VALIDATION_CONDITION" in told.stderr
    assert linkedin.calls > before


@pytest.mark.parametrize("known", [{"status": "READY", "audience_size": 120}, {"status": "BUILDING"}])
def test_insights_of_an_audience_too_small_are_asked_for_and_are_empty(
    cli: Cli, linkedin: Linkedin, stands: Standing, known: dict[str, object]
) -> None:
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(200)]))
    stands(ad_segment=facet["audienceMatchingSegments"][0], **known)
    before = linkedin.calls
    told = cli(*INSIGHTS)
    assert told.exit_code == 0, told.stderr
    assert "tells nothing of an audience below 300" in told.stdout
    assert linkedin.calls > before
