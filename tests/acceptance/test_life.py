"""The life of a segment, told on a clock that runs fast: from its creation to the purge and back, with everything that a
marketer and an operator see of it on the way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncd.operations import segments
from tests.acceptance.rig import ACCOUNT, Process, Rig, digest
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

PEOPLE = 20_000
MORE = 500
HOURS = 3_600
"""Seconds of the sandbox in one of ours, while data is sent: matching takes a day and more."""
HALF_DAYS = 43_200
DAYS = 864_000

pytestmark = pytest.mark.timeout(170)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as url:
        yield url


@dataclass
class Story:
    """A segment `people`, watched through the command line and the daemon's metrics."""

    rig: Rig
    daemon: Process

    async def cli(self, *arguments: str) -> Any:
        """What a command says as JSON."""
        return json.loads(await self.rig.command(*arguments, "--json"))

    async def becomes(self, status: str, speed: float = HOURS) -> Life:
        """Lets time run until LinkedIn's status is known to the daemon; what operators are then told of the segment."""
        await self.clock(speed)
        series = f"syncd_segment_status{{segment=people,status={status}}}"

        async def known() -> bool:
            return (await self.metrics()).get(series) == 1

        await self.rig.wait_until(known, f"people is {status}", self.daemon, seconds=40)
        await self.clock(HOURS)
        shown = msgspec.to_builtins(await segments.shown(self.rig.database, "people"), builtin_types=(datetime,))
        assert shown["segment"]["status"] == status, f"{status} was over before it was read"
        return Life(shown)

    async def streams(self, numbers: range) -> None:
        await self.rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in numbers])
        await self.rig.wait_until(self.rig.is_quiet, "everything is settled", self.daemon)

    async def clock(self, factor: float) -> None:
        await self.rig.control("clock", {"factor": factor})

    async def metrics(self) -> Mapping[str, float]:
        port = self.daemon.events("listening")[0]["port"]
        async with self.rig.http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
        return {
            f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": float(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@dataclass
class Life:
    """What `segments show` would print at one moment."""

    shown: Any

    @property
    def topics(self) -> list[str]:
        return [one["topic"] for one in self.shown["segment"]["advice"]]

    @property
    def counts(self) -> tuple[int | None, int | None, int | None, int]:
        """Inputs, matches, audience, ledger."""
        one = self.shown["segment"]
        return one["input_count"], one["matched_count"], one["audience_size"], one["ledger"]

    @property
    def moves(self) -> list[str]:
        """Statuses one after the other, oldest first."""
        return [move["after"] for move in reversed(self.shown["transitions"])]

    def follows(self) -> tuple[str, timedelta, bool]:
        """The next status, how long after the present one began, and whether that is the earliest."""
        one, due = self.shown["segment"], self.shown["segment"]["next"]
        after = due["at"] - one["status_since"]
        return due["status"], timedelta(hours=round(after / timedelta(hours=1))), due["is_earliest"]


async def test_the_life_of_a_segment_from_its_creation_to_its_purge_and_back(postgres_url: str, tmp_path: Path) -> None:
    settings = {"SYNCD_TRACKER__INTERVAL": "0.5", "SYNCD_LINKEDIN__REQUEST_TIMEOUT": "10"}
    async with Rig(tmp_path, postgres_url, sandbox_options=["--clock", f"{HOURS}x"], settings=settings) as rig:
        story = Story(rig, await rig.daemon())
        audience = await _is_built(story)
        await _is_planned_with(story)
        audience = await _is_updated(story, audience)
        await _is_forgotten(story, audience)
        await _is_filled_again(story, audience)


async def _is_built(story: Story) -> int:
    """Created, filled, matched."""
    await story.streams(range(PEOPLE))
    building = await story.becomes("BUILDING")
    assert building.counts == (None, None, None, PEOPLE)
    assert (building.topics, building.follows()) == (["first_match"], ("READY", timedelta(hours=48), False))
    ready = await story.becomes("READY", HALF_DAYS)
    inputs, matched, audience, in_ledger = ready.counts
    assert (inputs, in_ledger) == (PEOPLE, PEOPLE)
    assert matched is not None
    assert audience is not None
    assert PEOPLE * 0.5 < audience <= matched < PEOPLE * 0.9
    assert (ready.topics, ready.follows()) == (["archives"], ("ARCHIVED", timedelta(days=30), True))
    told = await story.metrics()
    assert told["syncd_segment_audience_size{segment=people}"] == audience
    assert told["syncd_segment_matched_count{segment=people}"] == matched
    assert told["syncd_segment_input_count{segment=people}"] == PEOPLE
    assert told["syncd_segment_transitions_total{from=(none),segment=people,to=BUILDING}"] == 1
    assert told["syncd_segment_transitions_total{from=BUILDING,segment=people,to=READY}"] == 1
    return audience


async def _is_planned_with(story: Story) -> None:
    """Insights, a forecast and a template, all of them of who was matched. LinkedIn rounds what it tells of people."""
    insights, entities = await asyncio.gather(
        story.cli("insights", "people", "--by", "jobFunctions,seniorities"),
        story.cli("entities", "united states", "--facet", "locations"),
    )
    audience = (await story.metrics())["syncd_segment_audience_size{segment=people}"]
    for breakdown in insights["breakdowns"]:
        assert breakdown["total"] == pytest.approx(audience, rel=0.05)
        assert sum(group["percent"] for group in breakdown["groups"]) > 30
    assert [notice["text"][:20] for notice in insights["notices"]] == ["LinkedIn tools may n"]
    place = f"locations={entities['entities'][0]['urn']}"
    forecast, made = await asyncio.gather(
        story.cli("forecast", "people", "--objective", "BRAND_AWARENESS", "--budget", "300", "--include", place),
        story.cli("templates", "create", "--name", "Everybody", "--segment", "people", "--include", place),
    )
    reach = [spot["value"] for spot in forecast["forecast"]["reach"]["spots"]]
    assert 0 < reach[0] < reach[-1]
    assert len(forecast["notices"]) == 2
    (template,) = (await story.cli("templates", "show", str(made["id"])))["templates"]
    assert template["name"] == "Everybody"
    (segment, where) = template["include"]
    assert segment["audienceMatchingSegments"][0].startswith("urn:li:adSegment:")
    assert where == {"locations": [place.partition("=")[2]]}


async def _is_updated(story: Story, before: int) -> int:
    await story.streams(range(PEOPLE, PEOPLE + MORE))
    updating = await story.becomes("UPDATING")
    assert updating.counts[2:] == (before, PEOPLE + MORE)
    assert (updating.topics, updating.follows()) == (["update_pending"], ("READY", timedelta(hours=24), False))
    ready = await story.becomes("READY", HALF_DAYS)
    inputs, matched, audience, in_ledger = ready.counts
    assert inputs is not None
    assert matched is not None
    assert audience is not None
    assert MORE <= inputs <= PEOPLE + MORE
    assert 0 < matched < inputs
    assert before < audience < before + MORE
    assert in_ledger == PEOPLE + MORE
    assert (ready.topics, ready.follows()) == (["archives"], ("ARCHIVED", timedelta(days=30), True))
    assert ready.moves == ["BUILDING", "READY", "UPDATING", "READY"]
    told = await story.metrics()
    assert told["syncd_segment_audience_size{segment=people}"] == audience
    assert told["syncd_segment_matched_count{segment=people}"] == matched
    assert told["syncd_segment_input_count{segment=people}"] == inputs
    assert told["syncd_segment_transitions_total{from=UPDATING,segment=people,to=READY}"] == 1
    return audience


async def _is_forgotten(story: Story, audience: int) -> None:
    """No campaign uses it: archived, then purged."""
    archived = await story.becomes("ARCHIVED", DAYS)
    assert (archived.topics, archived.follows()) == (["expires"], ("EXPIRED", timedelta(days=60), True))
    assert archived.counts == (0, 0, audience, PEOPLE + MORE), "it counts what was sent in the last week"
    told = await story.metrics()
    assert told["syncd_segment_transitions_total{from=READY,segment=people,to=ARCHIVED}"] == 1
    assert told["syncd_segment_audience_size{segment=people}"] == audience
    assert told["syncd_segment_input_count{segment=people}"] == 0
    expired = await story.becomes("EXPIRED", DAYS)
    assert (expired.topics, expired.shown["segment"]["next"]) == (["expired"], None)
    assert expired.shown["segment"]["parked"] == "expired"
    assert not expired.counts[2]
    assert expired.counts[3] == PEOPLE + MORE
    assert await story.rig.members_of("people") == set()
    told = await story.metrics()
    assert told["syncd_segment_parked{reason=expired,segment=people}"] == 1
    assert told["syncd_segment_transitions_total{from=ARCHIVED,segment=people,to=EXPIRED}"] == 1


async def _is_filled_again(story: Story, audience: int) -> None:
    """From the ledger, without the CRM."""
    await story.cli("resync", "people", "--mode", "replay", "--reason", "LinkedIn expired it")
    building = await story.becomes("BUILDING")
    assert building.counts[1:] == (None, None, PEOPLE + MORE)
    assert (building.topics, building.follows()) == (["first_match"], ("READY", timedelta(hours=48), False))
    told = await story.metrics()
    assert told["syncd_segment_transitions_total{from=EXPIRED,segment=people,to=BUILDING}"] == 1
    await story.rig.wait_until(story.rig.is_quiet, "everything is sent again", story.daemon)
    ready = await story.becomes("READY", HALF_DAYS)
    assert ready.counts[2:] == (audience, PEOPLE + MORE)
    assert (ready.topics, ready.follows()) == (["archives"], ("ARCHIVED", timedelta(days=30), True))
    assert await story.rig.members_of("people") == {digest(f"p{n}@example.com") for n in range(PEOPLE + MORE)}
    assert ready.moves == ["BUILDING", "READY", "UPDATING", "READY", "ARCHIVED", "EXPIRED", "BUILDING", "READY"]
    assert all(move["documented"] for move in ready.shown["transitions"])
    printed = await story.cli("segments", "show", "people")
    assert [advice["topic"] for advice in printed["segment"]["advice"]] == ready.topics
    assert [move["after"] for move in reversed(printed["transitions"])] == ready.moves
    told = await story.metrics()
    assert told["syncd_segment_audience_size{segment=people}"] == audience
    assert told["syncd_segment_transitions_total{from=BUILDING,segment=people,to=READY}"] == 2
    assert "syncd_segment_parked{reason=expired,segment=people}" not in told
    assert told["syncd_segment_undocumented_transitions_total{segment=people}"] == 0
    assert told[f"syncd_account_segments{{account={ACCOUNT},member=ads}}"] == 1
    assert told[f"syncd_member_may_write{{account={ACCOUNT},member=ads}}"] == 1
