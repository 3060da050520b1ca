"""From a synced segment to insights, forecasts and templates, by the commands people use; and bad input, which costs
nobody a call.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from syncd.cli.commands import syncd
from syncd.domain.notices import ESTIMATES, NO_DISCRIMINATION, Notice
from syncd.sandbox.options import MemberOption
from syncd.store import segments
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.component.cli.conftest import ACCOUNT, Cli, configuration
from tests.component.cli.linkedin import Linkedin, running
from tests.component.sandbox.driver import user

US = "locations=urn:li:geo:103644278"
WORLD = "locations=urn:li:geo:102221843"
FORECAST = ("forecast", "trial", "--objective", "VIDEO_VIEW", "--include", US)
CREATE = ("templates", "create", "--name", "x", "--include", US)


@pytest.fixture
def linkedin() -> Iterator[Linkedin]:
    with running() as begun:
        yield begun


@pytest.fixture
def cli(store_url: str, tmp_path: Path, linkedin: Linkedin) -> Cli:
    """Commands over a database that knows `trial`, which is at LinkedIn, and `fresh`, which is not there yet."""
    config = configuration(tmp_path, store_url, linkedin.origin)
    asyncio.run(_know(store_url, None, "fresh"))

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(syncd, ["--config", str(config), *arguments], input=stdin)

    return run


@pytest.fixture
def known(store_url: str, cli: Cli) -> None:
    """`trial` has an ad segment, whoever may be in it."""
    del cli
    asyncio.run(_know(store_url, "urn:li:adSegment:1", "trial"))


@pytest.fixture
def synced(store_url: str, cli: Cli, linkedin: Linkedin) -> str:
    """`trial`, with 3,000 people at LinkedIn, matched."""
    del cli
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(3_000)]))
    (audience,) = facet["audienceMatchingSegments"]
    asyncio.run(_know(store_url, audience, "trial"))
    return "trial"


async def _know(url: str, audience: str | None, key: str) -> None:
    database = Database(url)
    wanted = Declared(key=key, name=key, kind="user", account=ACCOUNT, member="demo")
    async with database.begin() as connection:
        await segments.declare(connection, {"demo": "default"}, [wanted], declared=False)
        binding = await segments.find(connection, key)
        assert binding is not None
        if audience is not None:
            await segments.bind(connection, binding.segment, 9_821_001, bound_at=None, ad_segment=audience)
    await database.close()


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def shows(result: Result, *notices: Notice) -> bool:
    return all(f"{notice.text}: {notice.url}" in result.stdout.splitlines() for notice in notices)


def drawn(file: Path) -> list[str]:
    """The texts of a picture, each as one; it is XML, or this fails."""
    root = ET.parse(file).getroot()
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_facets_are_listed_under_the_notice(cli: Cli) -> None:
    told = cli("facets")
    assert re.search(
        r"^seniorities +SENIORITY +AD_TARGETING_FACET +urn:li:adTargetingFacet:seniorities$", told.stdout, re.MULTILINE
    )
    assert shows(told, NO_DISCRIMINATION)
    program = read(cli("facets", "--json"))
    assert program["notices"] == [{"text": NO_DISCRIMINATION.text, "url": NO_DISCRIMINATION.url}]
    assert {"name", "urn", "entity_types", "finders"} == program["facets"][0].keys()


def test_entities_are_found_by_search_and_in_facets_that_know_none(cli: Cli) -> None:
    told = cli("entities", "germany", "--limit", "1")
    assert re.search(r"^Germany +locations +urn:li:geo:101282230$", told.stdout, re.MULTILINE)
    assert shows(told, NO_DISCRIMINATION)
    listed = read(cli("entities", "manager", "--facet", "seniorities", "--json"))
    assert [one["urn"] for one in listed["entities"]] == ["urn:li:seniority:5"]
    every = read(cli("entities", "--facet", "seniorities", "--limit", "100", "--json"))
    assert len(every["entities"]) == 10
    assert "nothing of that name" in cli("entities", "xyzzy").stdout


def test_insights_name_their_groups_and_are_kept_for_a_day(cli: Cli, synced: str, linkedin: Linkedin) -> None:
    told = cli("insights", synced)
    assert told.exit_code == 0, told.stderr
    assert re.search(r"^Job functions of [\d,]+ people, as of ", told.stdout, re.MULTILINE)
    assert re.search(r"^Entry +[\d,]+ +\d+ % +█+ +urn:li:seniority:3$", told.stdout, re.MULTILINE)
    assert shows(told, NO_DISCRIMINATION)
    asked = linkedin.calls
    first = read(cli("insights", synced, "--json"))
    assert linkedin.calls == asked
    again = read(cli("insights", synced, "--fresh", "--json"))
    assert linkedin.calls > asked
    assert [one["groups"] for one in first["breakdowns"]] == [one["groups"] for one in again["breakdowns"]]
    assert first["breakdowns"][0]["at"] < again["breakdowns"][0]["at"]
    assert first["notices"] == [{"text": NO_DISCRIMINATION.text, "url": NO_DISCRIMINATION.url}]


def test_another_question_is_another_answer(cli: Cli, synced: str) -> None:
    whole = read(cli("insights", synced, "--by", "bingCountry", "--json"))
    part = read(cli("insights", synced, "--by", "bingCountry", "--include", US, "--json"))
    rest = read(cli("insights", synced, "--by", "bingCountry", "--exclude", US, "--json"))
    totals = [one["breakdowns"][0]["total"] for one in (whole, part, rest)]
    assert totals[0] > max(totals[1:])
    assert [group["name"] for group in part["breakdowns"][0]["groups"]] == ["United States"]


def test_an_audience_too_small_is_said_and_asked_for_again(cli: Cli, store_url: str, linkedin: Linkedin) -> None:
    facet = linkedin.do(linkedin.sandbox.synced([user(str(number)) for number in range(200)]))
    asyncio.run(_know(store_url, facet["audienceMatchingSegments"][0], "small"))
    assert "tells nothing of an audience below 300" in cli("insights", "small").stdout
    asked = linkedin.calls
    cli("insights", "small")
    assert linkedin.calls > asked


def test_insights_are_drawn_with_the_notice(cli: Cli, synced: str, tmp_path: Path) -> None:
    file = tmp_path / "insights.svg"
    assert cli("insights", synced, "--by", "seniorities,titles", "--svg", str(file)).exit_code == 0
    texts = drawn(file)
    assert "Who is in trial" in texts
    assert "Entry" in texts
    assert NO_DISCRIMINATION.text.replace(" Learn more", "") in " ".join(texts)
    assert NO_DISCRIMINATION.url in texts


def test_a_forecast_shows_curves_and_its_budget_under_both_notices(cli: Cli, synced: str, tmp_path: Path) -> None:
    file = tmp_path / "forecast.svg"
    plan = ("forecast", synced, "--objective", "brand_awareness", "--include", WORLD)
    told = cli(*plan, "--budget", "300", "--svg", str(file))
    assert told.exit_code == 0, told.stderr
    assert re.search(r"^ +300 +[\d,]+ +[\d,]+ +[\d.]+$", told.stdout, re.MULTILINE)
    assert re.search(r"^for \$300: reach [\d,]+; impressions [\d,]+; frequency [\d.]+$", told.stdout, re.MULTILINE)
    assert told.stdout.count("┤") == 24
    assert shows(told, NO_DISCRIMINATION, ESTIMATES)
    texts = drawn(file)
    assert any(text.startswith("$300: ") for text in texts)
    assert {NO_DISCRIMINATION.url, ESTIMATES.url} <= set(texts)
    assert ESTIMATES.text in " ".join(texts)
    program = read(cli(*plan, "--budget", "300", "--no-expansion", "--json"))
    assert [notice["text"] for notice in program["notices"]] == [NO_DISCRIMINATION.text, ESTIMATES.text]
    forecast = program["forecast"]
    assert forecast["frequency"]["target"]["value"] == pytest.approx(
        forecast["impressions"]["target"]["value"] / forecast["reach"]["target"]["value"]
    )
    assert forecast["share"]["spots"][-1]["value"] <= 100


def test_templates_are_saved_listed_shown_changed_and_deleted(cli: Cli, synced: str) -> None:
    made = read(cli("templates", "create", "--name", "Ours", "--segment", synced, "--include", US, "--json"))["id"]
    other = read(cli("templates", "create", "--name", "All", "--include", US, "--account", ACCOUNT, "--json"))["id"]
    listed = cli("templates", "list")
    assert re.search(rf"^{made} +Ours .*audienceMatchingSegments and locations", listed.stdout, re.MULTILINE)
    assert shows(listed, NO_DISCRIMINATION)
    names = [one["name"] for one in read(cli("templates", "list", "--descending", "--json"))["templates"]]
    assert names == ["Ours", "All"]
    assert (
        cli("templates", "update", made, "--name", "New", "--exclude", "seniorities=urn:li:seniority:1").exit_code == 2
    )
    changed = cli("templates", "update", made, "--name", "New", "--description", "Mine")
    assert changed.exit_code == 0, changed.stderr
    shown = cli("templates", "show", made)
    assert re.search(r"^name +New$", shown.stdout, re.MULTILINE)
    assert re.search(r"^and +locations: urn:li:geo:103644278$", shown.stdout, re.MULTILINE)
    assert shows(shown, NO_DISCRIMINATION)
    assert cli("templates", "delete", made).exit_code == 2
    gone = cli("templates", "delete", made, other, made, "99", "--yes")
    assert (gone.exit_code, gone.stdout) == (1, f"template {made} is deleted\ntemplate {other} is deleted\n")
    assert "template 99 is still there: 404 Key not found" in gone.stderr
    assert "there are no templates" in cli("templates", "list").stdout


def test_the_same_template_named_twice_is_deleted_once_and_reported_so(cli: Cli, linkedin: Linkedin) -> None:
    made = read(cli("templates", "create", "--name", "One", "--include", US, "--account", ACCOUNT, "--json"))["id"]
    before = linkedin.calls
    done = read(cli("templates", "delete", made, made, "--yes", "--json"))
    assert (done, linkedin.calls) == ({"gone": [made], "kept": {}}, before + 1)


def test_whoever_edits_targeting_is_shown_the_notice(cli: Cli) -> None:
    saved = cli("templates", "create", "--name", "One", "--include", US, "--account", ACCOUNT)
    assert shows(saved, NO_DISCRIMINATION), saved.output
    found = re.match(r"template (\d+) is saved", saved.stdout)
    assert found is not None
    changed = cli("templates", "update", found[1], "--include", WORLD)
    assert (changed.stdout.startswith(f"template {found[1]} is changed\n"), shows(changed, NO_DISCRIMINATION)) == (
        True,
        True,
    )
    notice = {"text": NO_DISCRIMINATION.text, "url": NO_DISCRIMINATION.url}
    made = read(cli("templates", "create", "--name", "Two", "--include", US, "--account", ACCOUNT, "--json"))
    assert made["notices"] == [notice]
    assert read(cli("templates", "update", made["id"], "--name", "New", "--json")) == made


def test_what_linkedin_refuses_is_one_line_with_its_words_and_the_support_id(cli: Cli, synced: str) -> None:
    told = cli("insights", synced, "--include", "skills=urn:li:skill:1")
    assert told.exit_code == 2
    assert re.fullmatch(r"syncd: [^\n]*422 FAILED_VALIDATION_CONDITION[^\n]*\(x-li-uuid \S+\)\n", told.stderr)


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        ({"audience_insights": False}, ("insights", "trial"), "the application was not given this API"),
        ({"media_planning": False}, FORECAST, "the application was not given this API"),
        ({"members": (MemberOption("demo", "another"),)}, ("facets",), "the token is refused"),
        ({}, ("templates", "show", "1"), "nothing has that id"),
        ({}, ("templates", "update", "1", "--name", "x"), "there is nothing to update"),
        (
            {"members": (MemberOption("demo", "sandbox-token", "VIEWER"),)},
            CREATE,
            "the member's role in the ad account",
        ),
    ],
)
def test_each_refusal_has_its_own_words_and_the_support_id(
    store_url: str, tmp_path: Path, options: dict[str, Any], arguments: tuple[str, ...], words: str
) -> None:
    asyncio.run(_know(store_url, "urn:li:adSegment:1", "trial"))
    with running(**options) as linkedin:
        config = configuration(tmp_path, store_url, linkedin.origin)
        told = CliRunner().invoke(syncd, ["--config", str(config), *arguments])
    assert told.exit_code != 0
    assert re.fullmatch(rf"syncd: {words}[^\n]* \(x-li-uuid \S+\)\n", told.stderr), told.stderr


def day(away: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(away)}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("insights", "nobody"), "there is no segment nobody: known are fresh, trial"),
        (("insights", "fresh"), "segment fresh has no ad segment yet"),
        (("insights", "trial", "--by", "shoes"), "cannot be grouped by 'shoes'"),
        (("insights", "trial", "--by", "jobFunctions,"), "cannot be grouped by ''"),
        (("insights", "trial", "--include", "shoes=urn:li:shoe:1"), "there is no facet 'shoes'"),
        (("insights", "trial", "--include", "locations"), "is no facet with entities"),
        (("insights", "trial", "--include", "locations=germany"), "'germany' is no entity of facet locations"),
        (
            ("insights", "trial", "--include", "jobFunctions=urn:li:geo:1"),
            "no entity of facet jobFunctions: those are urn:li:function:…",
        ),
        (("insights", "trial", "--exclude", "skills=urn:li:function:1"), "those are urn:li:skill:…"),
        (("templates", "update", "1", "--include", "seniorities=urn:li:title:1"), "those are urn:li:seniority:…"),
        (("insights", "trial", "--svg", "nowhere/x.svg"), "nowhere is no folder that can be written to"),
        ((*FORECAST, "--svg", "nowhere/x.svg"), "nowhere is no folder that can be written to"),
        (("insights", "trial", "--limit", "0"), "1 to 100 groups"),
        (("insights", "trial", "--limit", "101"), "1 to 100 groups"),
        (("insights", "trial", "--by", "skills", "--in-order"), "no order of its own"),
        (
            ("insights", "trial", "--include", "titles=urn:li:title:1", "--include", "seniorities=urn:li:seniority:1"),
            "cannot be combined with job titles",
        ),
        (("forecast", "nobody", *FORECAST[2:]), "there is no segment nobody"),
        (FORECAST[:4], "a forecast needs a place"),
        ((*FORECAST, "--exclude", "seniorities=urn:li:seniority:1"), "cannot exclude anybody"),
        ((*FORECAST, "--budget", "99"), "at least 100 US dollars"),
        ((*FORECAST, "--from", day(-1)), "lies in the future"),
        ((*FORECAST, "--from", day(0)), "lies in the future"),
        ((*FORECAST, "--to", day(91)), "at most 90 days"),
        ((*FORECAST, "--from", day(1), "--to", day(92)), "at most 90 days"),
        ((*FORECAST, "--from", "tomorrow"), "does not match the format"),
        (("forecast", "trial", "--objective", "LEADS"), "'LEADS' is not one of"),
        (("entities",), "say what to look for"),
        (("entities", "x", "--facet", "shoes"), "there is no facet 'shoes'"),
        (("entities", "x", "--limit", "0"), "--limit is 1 to 100"),
        (("entities", "x", "--limit", "101"), "--limit is 1 to 100"),
        (("templates", "create", "--name", "n" * 101, "--segment", "trial"), "at most 100 characters"),
        (("templates", "create", "--name", "n", "--description", "d" * 501, "--segment", "trial"), "at most 500"),
        (("templates", "create", "--name", "n"), "at least one facet"),
        (("templates", "create", "--name", "n", "--segment", "fresh"), "has no ad segment yet"),
        (("templates", "create", "--name", "n", "--include", US, "--account", "me"), "'me' is no ad account"),
        (("templates", "list", "--account", "me"), "'me' is no ad account"),
        (("templates", "show", "../1"), "is no template"),
        (("templates", "update", "1"), "nothing is to be changed"),
        (("templates", "update", "1", "--name", "n" * 101), "at most 100 characters"),
        (("templates", "delete", "1"), "needs --yes"),
        (("templates", "delete", "one", "--yes"), "'one' is no template"),
    ],
)
@pytest.mark.usefixtures("known")
def test_bad_input_is_one_line_and_costs_no_call(
    cli: Cli, linkedin: Linkedin, arguments: tuple[str, ...], words: str
) -> None:
    told = cli(*arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert re.fullmatch(r"syncd: [^\n]*\n", told.stderr), told.stderr
    assert words in told.stderr
    assert linkedin.calls == 0
