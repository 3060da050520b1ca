"""Waits, quotas and ranks: bounds, order, round trips."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd.domain.change import MAX_EPOCH, MAX_ID, Part, outbox_id, rank
from syncd.domain.outcome import Scope
from syncd.domain.quota import quota
from syncd.domain.retry import APART, BATCH, DAILY, DATABASE, OUTAGE, PARKED, Backoff, throttle_wait

_dice = st.floats(0.0, 1.0, exclude_max=True)
_backoffs = st.sampled_from([APART, BATCH, DAILY, DATABASE, OUTAGE, PARKED])


@given(_backoffs, st.integers(-1, 10**6), _dice)
def test_a_wait_lies_between_the_first_and_a_quarter_above_the_most(
    backoff: Backoff, failures: int, thrown: float
) -> None:
    assert backoff.first <= backoff.wait(failures, lambda: thrown) <= 1.25 * backoff.most


@given(_backoffs, st.integers(1, 100), _dice)
def test_a_wait_never_shrinks_while_failures_grow(backoff: Backoff, failures: int, thrown: float) -> None:
    assert backoff.wait(failures, lambda: thrown) <= backoff.wait(failures + 1, lambda: thrown)


def test_a_daily_limit_waits_five_seconds_doubling_to_three_hundred() -> None:
    waits = [throttle_wait(Scope.MEMBER_DAY, number, None, lambda: 0.0) for number in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_the_minute_limit_waits_a_minute_and_unknown_words_count_as_it_once() -> None:
    assert throttle_wait(Scope.MINUTE, 7, None, lambda: 0.9) == 60
    assert throttle_wait(Scope.UNKNOWN, 1, None, lambda: 0.9) == 60
    assert throttle_wait(Scope.UNKNOWN, 2, None, lambda: 0.0) == 10


@given(st.sampled_from(Scope), st.integers(1, 50), st.floats(0, 86_400), _dice)
def test_retry_after_is_honoured_when_it_is_longer(scope: Scope, in_a_row: int, asked: float, thrown: float) -> None:
    waited = throttle_wait(scope, in_a_row, asked, lambda: thrown)
    assert waited == max(asked, throttle_wait(scope, in_a_row, None, lambda: thrown))


@given(st.integers(3, 10_000))
def test_burst_and_a_minute_and_what_is_in_flight_never_pass_the_limit(limit: int) -> None:
    split = quota(limit)
    assert split.burst + split.per_minute + split.in_flight == split.limit == limit
    assert min(split.burst, split.per_minute, split.in_flight) >= 1
    assert split.in_flight <= 10


def test_the_limits_of_linkedin_are_split_as_the_design_says() -> None:
    users, companies = quota(500), quota(200)
    assert (users.burst, users.per_minute, users.in_flight) == (2, 488, 10)
    assert (companies.burst, companies.per_minute, companies.in_flight) == (1, 195, 4)


@pytest.mark.parametrize("limit", [-1, 0, 1, 2])
def test_a_limit_that_leaves_nothing_to_send_with_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="below 3"):
        quota(limit)


_places = st.tuples(st.integers(0, MAX_EPOCH), st.integers(0, MAX_ID), st.sampled_from(Part))


@given(_places, _places)
def test_ranks_order_by_epoch_then_id_then_part(one: tuple[int, int, Part], other: tuple[int, int, Part]) -> None:
    assume(one != other)
    assert (rank(*one) < rank(*other)) == (one < other)


@given(_places)
def test_a_rank_fits_a_bigint_and_gives_its_id_back(place: tuple[int, int, Part]) -> None:
    made = rank(*place)
    assert 0 <= made < 2**63
    assert outbox_id(made) == place[1]


@pytest.mark.parametrize(("epoch", "row"), [(-1, 1), (MAX_EPOCH + 1, 1), (1, -1), (1, MAX_ID + 1)])
def test_what_no_rank_can_hold_is_refused(epoch: int, row: int) -> None:
    with pytest.raises(ValueError, match="no rank holds"):
        rank(epoch, row)
