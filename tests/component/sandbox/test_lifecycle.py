"""Status and counts over days, on the sandbox clock."""

from typing import Any

import pytest

from syncd.sandbox.lifecycle import ARCHIVE_AFTER, DAY, DOCUMENTED, HOUR, Status, born, elapse, matching_time, streamed
from tests.component.sandbox.conftest import Start
from tests.component.sandbox.driver import Sandbox, user


async def advance(sandbox: Sandbox, days: float) -> None:
    await sandbox.control("clock", {"advance": days * DAY})


async def destination(sandbox: Sandbox, segment: str) -> dict[str, Any]:
    found: dict[str, Any] = (await sandbox.status(segment))["destinations"][0]
    return found


async def status(sandbox: Sandbox, segment: str) -> str:
    found: str = (await destination(sandbox, segment))["status"]
    return found


async def transitions(sandbox: Sandbox, segment: str) -> list[tuple[str | None, str]]:
    seen = (await sandbox.look(f"segments/{segment}"))["transitions"]
    return [(one["from"], one["to"]) for one in seen]


async def test_an_empty_segment_is_ready_after_48_hours(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await advance(sandbox, 1.99)
    assert await status(sandbox, segment) == "BUILDING"
    await advance(sandbox, 0.02)
    assert (await destination(sandbox, segment))["status"] == "READY"
    assert (await destination(sandbox, segment))["audienceSize"] == 0


async def test_matching_takes_24_to_48_hours_and_then_counts_are_known(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user(str(i)) for i in range(1_000)])
    await advance(sandbox, 0.99)
    assert "audienceSize" not in await destination(sandbox, segment)
    await advance(sandbox, 1.02)
    document = await sandbox.status(segment)
    assert document["inputCount"] == 1_000
    found = document["destinations"][0]
    assert found["status"] == "READY"
    assert 550 < found["matchedCount"] < 850
    assert found["matchedCount"] * 0.90 < found["audienceSize"] < found["matchedCount"]


async def test_counts_speak_of_seven_days_and_the_audience_of_everything(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user(str(i)) for i in range(100)])
    await advance(sandbox, 8)
    document = await sandbox.status(segment)
    assert document["inputCount"] == 0
    assert document["destinations"][0]["matchedCount"] == 0
    assert document["destinations"][0]["audienceSize"] > 50


async def test_a_stream_makes_a_ready_segment_updating_and_a_day_later_ready_again(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user(str(i)) for i in range(50)])
    await advance(sandbox, 2.01)
    before = (await destination(sandbox, segment))["audienceSize"]
    await sandbox.statuses(segment, [user(f"new {i}") for i in range(50)])
    updating = await destination(sandbox, segment)
    assert (updating["status"], updating["audienceSize"]) == ("UPDATING", before)
    await advance(sandbox, 1.01)
    ready = await destination(sandbox, segment)
    assert ready["status"] == "READY"
    assert ready["audienceSize"] > before


async def test_an_unused_segment_is_archived_and_then_expires_empty(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user("a")])
    await advance(sandbox, 30.1)
    assert await status(sandbox, segment) == "ARCHIVED"
    await advance(sandbox, 59)
    assert len(await sandbox.members(segment)) == 1
    await advance(sandbox, 1)
    expired = await sandbox.status(segment)
    assert expired["destinations"][0]["status"] == "EXPIRED"
    assert "inputCount" not in expired
    assert await sandbox.members(segment) == set()
    seen = await transitions(sandbox, segment)
    assert seen == [
        (None, "BUILDING"),
        ("BUILDING", "READY"),
        ("READY", "ARCHIVED"),
        ("ARCHIVED", "EXPIRED"),
    ]


async def test_a_campaign_keeps_a_segment_from_being_archived(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.control(f"segments/{segment}", {"campaign": True}, "PATCH")
    await advance(sandbox, 200)
    assert await status(sandbox, segment) == "READY"
    await sandbox.control(f"segments/{segment}", {"campaign": False}, "PATCH")
    await advance(sandbox, 29)
    assert await status(sandbox, segment) == "READY"
    await advance(sandbox, 2)
    assert await status(sandbox, segment) == "ARCHIVED"


async def test_a_campaign_wakes_an_archived_segment_only_if_it_has_an_audience(sandbox: Sandbox) -> None:
    full, empty = await sandbox.create("full"), await sandbox.create("empty")
    await sandbox.statuses(full, [user(str(i)) for i in range(50)])
    await advance(sandbox, 31)
    for segment in (full, empty):
        await sandbox.control(f"segments/{segment}", {"campaign": True}, "PATCH")
        assert await status(sandbox, segment) == "BUILDING"
    await advance(sandbox, 3)
    assert [await status(sandbox, segment) for segment in (full, empty)] == ["READY", "BUILDING"]


async def test_a_stream_wakes_an_archived_unused_segment_for_a_day(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await advance(sandbox, 31)
    await sandbox.statuses(segment, [user("a")])
    assert await status(sandbox, segment) == "BUILDING"
    await advance(sandbox, 1.01)
    assert await status(sandbox, segment) == "ARCHIVED"


async def test_an_expired_segment_takes_a_stream_and_starts_empty(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user("old")])
    await advance(sandbox, 91)
    assert await sandbox.statuses(segment, [user("new")]) == [201]
    assert await status(sandbox, segment) == "BUILDING"
    assert len(await sandbox.members(segment)) == 1


async def test_an_expired_segment_that_is_streamed_to_is_matched_anew(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await advance(sandbox, 91)
    await sandbox.statuses(segment, [user(str(i)) for i in range(50)])
    await advance(sandbox, 2.01)
    assert (await destination(sandbox, segment))["status"] == "READY"
    assert (await destination(sandbox, segment))["audienceSize"] > 0


@pytest.mark.parametrize("refused", ["EXPIRED", "FAILED", "ERROR"])
async def test_a_campaign_cannot_use_what_is_expired_or_failed(sandbox: Sandbox, refused: str) -> None:
    segment = await sandbox.create()
    await sandbox.control(f"segments/{segment}", {"status": refused}, "PATCH")
    response = await sandbox.client.patch(f"/_sandbox/segments/{segment}", json={"campaign": True})
    assert response.status == 400
    assert refused in (await response.json())["error"]


@pytest.mark.parametrize("taken", ["BUILDING", "UPDATING", "READY", "ARCHIVED"])
async def test_a_campaign_may_use_everything_else(sandbox: Sandbox, taken: str) -> None:
    segment = await sandbox.create()
    await sandbox.control(f"segments/{segment}", {"status": taken}, "PATCH")
    assert (await sandbox.control(f"segments/{segment}", {"campaign": True}, "PATCH"))["campaign"]


async def test_match_rate_and_opt_outs_are_those_of_the_options(start: Start) -> None:
    sandbox = await start(match_rate=1.0, opt_out_rate=0.5)
    segment = await sandbox.create()
    await sandbox.statuses(segment, [user(str(i)) for i in range(1_000)])
    await advance(sandbox, 2.01)
    found = await destination(sandbox, segment)
    assert found["matchedCount"] == 1_000
    assert 400 < found["audienceSize"] < 600


async def test_an_expired_segment_refuses_a_stream_when_told_to(start: Start) -> None:
    sandbox = await start(expired_stream="refuse")
    segment = await sandbox.create()
    await sandbox.control(f"segments/{segment}", {"status": "EXPIRED"}, "PATCH")
    response = await sandbox.stream(segment, [user("new")])
    assert response.status == 400
    assert "state EXPIRED" in (await response.json())["message"]
    assert await status(sandbox, segment) == "EXPIRED"


@pytest.mark.parametrize("forced", list(Status))
async def test_any_status_can_be_forced_and_is_flagged(sandbox: Sandbox, forced: Status) -> None:
    segment = await sandbox.create()
    seen = await sandbox.control(f"segments/{segment}", {"status": forced}, "PATCH")
    assert seen["status"] == forced
    last = seen["transitions"][-1]
    assert last["forced"]
    assert last["documented"] is (("BUILDING", forced) in DOCUMENTED)
    assert await status(sandbox, segment) == forced


async def test_the_clock_runs_as_fast_as_it_is_told(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await sandbox.control("clock", {"factor": 3_600})
    sandbox.time.seconds += 49
    assert await status(sandbox, segment) == "READY"


@pytest.mark.parametrize("stuck", ["FAILED", "ERROR"])
async def test_a_stream_does_not_heal_what_has_failed(sandbox: Sandbox, stuck: str) -> None:
    segment = await sandbox.create()
    await sandbox.control(f"segments/{segment}", {"status": stuck}, "PATCH")
    assert await sandbox.statuses(segment, [user("a")]) == [201]
    await advance(sandbox, 200)
    assert (await sandbox.look(f"segments/{segment}"))["status"] == stuck


async def test_every_stream_to_an_updating_segment_puts_ready_off(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await advance(sandbox, 2.01)
    for name in ("a", "b", "c"):
        await sandbox.statuses(segment, [user(name)])
        await advance(sandbox, 0.45)
        assert await status(sandbox, segment) == "UPDATING"
    await advance(sandbox, 1)
    assert await status(sandbox, segment) == "READY"


async def test_what_no_campaign_used_cannot_be_dropped_by_one(sandbox: Sandbox) -> None:
    segment = await sandbox.create()
    await advance(sandbox, 20)
    await sandbox.control(f"segments/{segment}", {"campaign": False}, "PATCH")
    await advance(sandbox, 11)
    assert await status(sandbox, segment) == "ARCHIVED"


def test_a_busy_unused_stream_stays_updating_and_leaves_it_only_through_ready() -> None:
    life, _ = elapse(born(0.0), 3 * DAY)
    seen = []
    for hour in range(72, 24 * 40, 6):
        life, due = elapse(life, hour * HOUR)
        life, moved = streamed(life, hour * HOUR, matching_time(1), first=False)
        seen += [(one.origin, one.to) for one in due + moved]
    assert set(seen) <= DOCUMENTED
    assert seen[:3] == [
        (Status.READY, Status.UPDATING),
        (Status.UPDATING, Status.READY),
        (Status.READY, Status.ARCHIVED),
    ]


@pytest.mark.parametrize("segment_id", [1, 9_821_001, 9_821_002, 123_456_789])
def test_every_segment_has_its_own_matching_time_between_one_and_two_days(segment_id: int) -> None:
    assert DAY <= matching_time(segment_id) < 2 * DAY
    assert ARCHIVE_AFTER == 30 * DAY
