"""Where a segment goes next, how often it is looked at, and what of it is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.course import DAY, HOUR, Life, Look, Move, forecast, is_due, is_worth_noting
from syncd.domain.segment import Status

NOW = 1_800_000_000.0


def life(status: str, *, days: float = 0.0, made: float | None = None, **more: Any) -> Life:
    """A segment that has had its status for some days and was made so many days ago."""
    given: dict[str, Any] = {
        "key": "s",
        "now": NOW,
        "status": status,
        "since": NOW - days * DAY,
        "made": NOW - (days if made is None else made) * DAY,
        "in_ledger": 1_000,
    }
    return Life(**(given | more))


def move(before: str, after: str, days_ago: float) -> Move:
    return Move(before=before, after=after, documented=True, at=NOW - days_ago * DAY)


def told(one: Life) -> tuple[str, float, bool] | None:
    """Status, days from now, and whether that is the earliest."""
    found = forecast(one)
    return None if found is None else (found.status.value, round((found.at - NOW) / DAY, 3), found.is_earliest)


@pytest.mark.parametrize(
    ("one", "follows"),
    [
        (life("BUILDING", days=0.5), ("READY", 1.5, False)),
        (life("BUILDING", days=3), None),
        (life("BUILDING", days=0, made=29), ("ARCHIVED", 1, True)),
        (life("UPDATING", days=0.25, made=5), ("READY", 0.75, False)),
        (life("UPDATING", days=2, made=5), None),
        (life("READY", days=3, made=5), ("ARCHIVED", 25, True)),
        (life("READY", days=30, made=40), None),
        (life("ARCHIVED", days=10, made=40), ("EXPIRED", 50, True)),
        (life("EXPIRED", days=1, made=91), None),
        (life("FAILED", days=1), None),
        (life("ERROR", days=1), None),
        (life("SOMETHING_NEW", days=1), None),
        (life("READY", days=3, is_gone=True), None),
    ],
    ids=lambda value: value.status if isinstance(value, Life) else "",
)
def test_the_next_status_follows_from_the_documented_times(one: Life, follows: tuple[str, float, bool] | None) -> None:
    assert told(one) == follows


def test_one_that_was_not_archived_in_time_must_be_in_use() -> None:
    assert life("READY", days=1, made=31.5).is_in_use
    assert not life("READY", days=1, made=30.5).is_in_use
    assert not life("ARCHIVED", days=1, made=31.5).is_in_use


def test_one_that_was_woken_from_the_archive_is_ready_only_if_a_campaign_uses_it() -> None:
    woken = life("BUILDING", days=0.5, made=50, moves=[move("ARCHIVED", "BUILDING", 0.5)])
    found = forecast(woken)
    assert woken.was_woken
    assert found is not None
    assert (found.status, found.unless) == (Status.READY, "no campaign uses it: then it is archived again")


def test_an_expired_one_that_is_filled_again_begins_a_new_life() -> None:
    reborn = life("READY", days=3, made=200, moves=[move("ARCHIVED", "EXPIRED", 20), move("EXPIRED", "BUILDING", 5)])
    assert told(reborn) == ("ARCHIVED", 25, True)


@given(
    status=st.sampled_from(Status),
    days=st.floats(0, 400),
    before=st.floats(0, 400),
    moves=st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(Status), st.floats(0, 400)), max_size=4),
)
def test_no_history_breaks_the_forecast_and_what_is_forecast_is_documented(
    status: Status, days: float, before: float, moves: list[tuple[Status, Status, float]]
) -> None:
    found = forecast(life(status, days=days, made=days + before, moves=[move(*one) for one in moves]))
    documented = {
        Status.BUILDING: {Status.READY, Status.ARCHIVED},
        Status.UPDATING: {Status.READY},
        Status.READY: {Status.ARCHIVED},
        Status.ARCHIVED: {Status.EXPIRED},
    }
    assert found is None or found.status in documented[status]
    assert found is None or found.is_earliest or found.at >= NOW


@pytest.mark.parametrize(
    ("status", "age", "seen", "due"),
    [
        ("READY", 10 * DAY, 299, False),
        ("READY", 10 * DAY, 300, True),
        ("BUILDING", HOUR, 59, False),
        ("BUILDING", HOUR, 60, True),
        ("UPDATING", HOUR, 60, True),
        ("BUILDING", 3 * DAY, 60, False),
        ("UPDATING", 2 * DAY, 60, False),
        ("SOMETHING_NEW", HOUR, 60, False),
    ],
)
def test_a_change_of_status_that_is_awaited_is_looked_for_five_times_as_often(
    status: str, age: float, seen: float, due: bool
) -> None:
    assert is_due(status, NOW - age, NOW - seen, NOW, 300.0) is due


def test_what_was_never_seen_is_due() -> None:
    assert is_due("", None, None, NOW, 300.0)


def test_history_keeps_changes_of_status_and_four_counts_a_day() -> None:
    first = Look(at=NOW, status="READY", input_count=5)
    assert is_worth_noting(None, first)
    assert is_worth_noting(first, Look(at=NOW + 1, status="UPDATING", input_count=5))
    assert not is_worth_noting(first, Look(at=NOW + 5 * HOUR, status="READY", input_count=6))
    assert is_worth_noting(first, Look(at=NOW + 6 * HOUR, status="READY", input_count=6))
    assert not is_worth_noting(first, Look(at=NOW + 60 * HOUR, status="READY", input_count=5))
