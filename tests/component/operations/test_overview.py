"""The overview: what it says of each segment and member, who may see which of it, and that many segments cost no more
statements than few.
"""

from __future__ import annotations

import pytest
from sqlalchemy import event

from syncd.errors import Absent
from syncd.operations import segments, story
from syncd.operations.overview import Watch
from syncd.settings import Settings
from syncd.store.engine import Database
from syncd.store.segments import Declared
from tests.console.filled import OURS, THEIRS, fill


async def test_each_segment_is_told_by_what_counts_now(database: Database, settings: Settings) -> None:
    await fill(database)
    seen = await Watch(database, settings).now()
    lines = {line.key: line for line in seen.segments}
    assert {key: line.state for key, line in lines.items()} == {
        "churned": "PARKED",
        "customers": "UPDATING",
        "events": "PAUSED",
        "newsletter": "ARCHIVED",
        "partners": "READY",
        "target-accounts": "BUILDING",
        "trial-signups": "READY",
    }
    trial, customers = lines["trial-signups"], lines["customers"]
    assert (trial.ledger, trial.pending, trial.audience_size, trial.dead_letters) == (600, 0, 182_000, 3)
    assert trial.match_rate == pytest.approx(22_294 / 31_400)
    assert (customers.pending, customers.dead_letters) == (1_240, 20)
    assert customers.oldest_seconds >= 0
    assert len(trial.trend) == 49
    assert trial.trend[-1] == 182_000
    assert lines["target-accounts"].trend == ()


async def test_requests_of_the_last_minute_stand_beside_the_limit(database: Database, settings: Settings) -> None:
    await fill(database)
    members = {line.key: line for line in (await Watch(database, settings).now()).members}
    users, companies = members["ads-bot"].rates
    assert (users.resource, users.limit, companies.limit) == ("users", 500, 200)
    assert 0 < users.requests <= 5 * 15
    assert users.accepted > 0
    assert companies.scope == "minute"
    assert 2_900 < companies.waits <= 3_000
    assert (members["agency"].owner, members["agency"].parked) == (None, "token")


async def test_what_waits_for_somebody_says_why_and_what_to_do(database: Database, settings: Settings) -> None:
    await fill(database)
    alarms = (await Watch(database, settings).now()).alarms
    assert [(one.subject, one.key, one.reason) for one in alarms] == [
        ("member", "agency", "token"),
        ("segment", "churned", "expired"),
        ("unknown", "misspelt-segment", "unknown segment"),
    ]
    assert alarms[1].words == "This segment is expired and cannot take members"
    assert all(one.remedy for one in alarms)


async def test_whose_sight_ends_at_an_account_sees_only_what_is_of_it(database: Database, settings: Settings) -> None:
    await fill(database)
    whole = await Watch(database, settings).now()
    theirs = whole.within(frozenset({THEIRS}))
    assert [line.key for line in theirs.segments] == ["partners"]
    assert [line.key for line in theirs.members] == ["agency"]
    assert [(one.subject, one.key) for one in theirs.alarms] == [("member", "agency")]
    assert whole.within(None) is whole
    assert len(whole.within(frozenset({OURS})).segments) == 6


async def test_many_segments_cost_no_more_statements_than_none(database: Database, settings: Settings) -> None:
    counted: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: counted.append(statement),
    )
    await Watch(database, settings).now()
    none = len(counted)
    await fill(database)
    counted.clear()
    watch = Watch(database, settings)
    await watch.now()
    assert len(counted) <= none
    counted.clear()
    await watch.now()
    assert counted == []


async def test_a_segments_story_tells_its_statuses_counts_road_and_batches(database: Database) -> None:
    await fill(database)
    tale = await story.of(database, "trial-signups")
    assert [one.status for one in tale.spells] == ["BUILDING", "READY", "UPDATING", "READY"]
    assert tale.spells[-1].end is None
    assert all(one.end == following.start for one, following in zip(tale.spells, tale.spells[1:], strict=False))
    assert len(tale.looks) == 49
    funnel = tale.funnel
    assert funnel.seen == 13 * 5_000
    assert funnel.seen >= funnel.seen - funnel.dead >= funnel.prepared >= funnel.accepted > 0
    assert [one.id for one in tale.batches] == sorted((one.id for one in tale.batches), reverse=True)
    assert all(one.support_id for one in tale.batches)


async def test_a_new_segment_has_no_story_yet(database: Database, settings: Settings) -> None:
    wanted = Declared(key="new", name="New", kind="user", account=OURS, member="demo")
    await segments.create(database, settings, wanted)
    tale = await story.of(database, "new")
    assert (tale.spells, tale.looks, tale.batches, tale.funnel.seen) == ((), (), (), 0)


async def test_a_story_of_another_account_is_none(database: Database) -> None:
    await fill(database)
    with pytest.raises(Absent):
        await story.of(database, "trial-signups", {THEIRS})
