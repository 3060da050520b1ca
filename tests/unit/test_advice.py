"""What is said of a segment, and what somebody should do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.advice import Advice, Topic, advise, span, within
from syncd.domain.course import DAY, HOUR, Life, Look, Move
from syncd.domain.segment import Status
from tests.unit.test_course import NOW, life, move


def look(status: str, inputs: int | None, matched: int | None, size: int | None, *, days_ago: float = 0.0) -> Look:
    return Look(at=NOW - days_ago * DAY, status=status, input_count=inputs, matched_count=matched, audience_size=size)


def ready(inputs: int | None = 1_000, matched: int | None = 700, size: int | None = 700, **more: Any) -> Life:
    """In use and well, unless the counts say otherwise."""
    return life("READY", days=5, made=60, looks=[look("READY", inputs, matched, size)], **more)


def topics(one: Life) -> list[Topic]:
    return [said.topic for said in advise(one)]


def the_only(one: Life) -> Advice:
    (said,) = advise(one)
    return said


def test_nothing_is_said_of_a_segment_that_is_well() -> None:
    assert advise(ready()) == []


@pytest.mark.parametrize(
    ("one", "topic", "acts", "words"),
    [
        (life("BUILDING", days=1), Topic.FIRST_MATCH, False, "up to 48 hours: READY by 2027-01-16"),
        (life("BUILDING", days=1, in_ledger=0), Topic.FIRST_MATCH, False, "an empty one becomes READY too"),
        (life("BUILDING", days=4), Topic.STUCK, True, "BUILDING for 4 days"),
        (life("BUILDING", days=40), Topic.STUCK, True, "archived underneath"),
        (
            life("BUILDING", days=0.1, made=50, moves=[move("ARCHIVED", "BUILDING", 0.1)]),
            Topic.STUCK,
            True,
            "archived underneath",
        ),
        (life("UPDATING", days=0.5, made=60), Topic.UPDATE_PENDING, False, "within 24 hours, by 2027-01-15"),
        (life("UPDATING", days=3, made=60), Topic.UPDATE_PENDING, False, "a stream that is never idle"),
        (life("READY", days=3, made=5), Topic.ARCHIVES, False, "archives it in 25 days (2027-02-09)"),
        (life("READY", days=3, made=25), Topic.ARCHIVES, True, "archives it in 5 days"),
        (life("ARCHIVED", days=10, made=40), Topic.EXPIRES, True, "In 50 days (2027-03-06) LinkedIn expires it"),
        (
            life("EXPIRED", days=1, made=91),
            Topic.EXPIRED,
            True,
            "`syncd resync s --mode replay` fills it with the 1,000",
        ),
        (life("FAILED"), Topic.FAILED, True, "300 to 300,000"),
        (life("ERROR"), Topic.ERROR, True, "LinkedIn's support"),
        (life("READY", is_gone=True), Topic.GONE, True, "`syncd segments recreate s`"),
        (ready(size=0), Topic.NO_MATCH, True, "holds 1,000 and reaches nobody"),
        (ready(size=0, in_ledger=0), Topic.EMPTY, True, "Nobody is in it"),
        (ready(matched=400, size=280), Topic.TOO_SMALL, True, "matched 400, but only 280 are left"),
        (ready(matched=200, size=200), Topic.TOO_SMALL, True, "audience is 200, and a campaign needs 300"),
    ],
)
def test_a_segment_is_explained_in_a_sentence_with_its_reference(
    one: Life, topic: Topic, acts: bool, words: str
) -> None:
    said = the_only(one)
    assert (said.topic, said.acts) == (topic, acts)
    assert words in said.words
    assert said.reference


def test_an_archived_segment_without_audience_is_told_why_a_campaign_will_not_help() -> None:
    one = life("ARCHIVED", days=1, made=31, looks=[look("ARCHIVED", 10, 0, 0)])
    assert topics(one) == [Topic.EXPIRES, Topic.ARCHIVED_EMPTY]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (life("READY", is_gone=True), "`syncd segments delete s`, then upload its list again"),
        (life("BUILDING", days=1), "The first match takes up to 48 hours"),
        (life("ARCHIVED", days=10, made=40), "or `syncd upload FILE.csv --segment s`"),
        (life("EXPIRED", days=1, made=91), "Upload its list again: `syncd upload FILE.csv --segment s`"),
        (ready(matched=0, size=0), "It holds a list and reaches nobody"),
    ],
)
def test_a_list_is_uploaded_again_where_a_stream_is_replayed(one: Life, words: str) -> None:
    told = replace(one, takes_lists=True, in_ledger=0)
    said = " ".join(advice.words for advice in advise(told))
    assert words in said
    assert "resync" not in said
    assert "recreate" not in said


def test_an_unknown_audience_is_not_called_empty() -> None:
    assert advise(ready(inputs=None, matched=None, size=None)) == []


def test_a_transition_that_linkedin_does_not_document_is_said() -> None:
    strange = Move(before="READY", after="ERROR", documented=False, at=NOW - HOUR)
    assert topics(life("ERROR", days=0.04, moves=[strange])) == [Topic.ERROR, Topic.UNDOCUMENTED]


def falling(now: int, *, days: float = 20.0, inputs: int = 1_000) -> Life:
    before = [look("READY", inputs, inputs * 7 // 10, 9_000, days_ago=days + n / 10) for n in range(3, 0, -1)]
    return life("READY", days=5, made=60, looks=[*before, look("READY", inputs, now, 9_000)])


def test_a_match_rate_that_falls_by_a_fifth_is_noticed() -> None:
    assert "matches 50% of what was sent in the last 7 days, and matched 70% before" in the_only(falling(500)).words
    assert advise(falling(570)) == []


def test_a_match_rate_needs_enough_inputs_and_a_past() -> None:
    assert advise(falling(10, inputs=250)) == []
    assert advise(falling(100, days=3.0)) == []
    assert advise(falling(100, days=50.0)) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "any day now"),
        (-5, "any day now"),
        (60, "in less than an hour"),
        (HOUR, "in 1 hour"),
        (30 * HOUR, "in 30 hours"),
        (12 * DAY, "in 12 days"),
    ],
)
def test_durations_are_said_in_whole_days_or_hours(seconds: float, words: str) -> None:
    assert within(seconds) == words
    assert within(seconds).endswith(span(seconds)) or seconds <= 0


@given(
    status=st.sampled_from([*Status, "SOMETHING_NEW"]),
    days=st.floats(0, 400),
    before=st.floats(0, 400),
    counts=st.tuples(*[st.none() | st.integers(0, 10**6)] * 3),
    gone=st.booleans(),
    ledger=st.integers(0, 10**6),
)
def test_every_piece_of_advice_is_one_or_two_sentences_and_said_once(
    status: str, days: float, before: float, counts: tuple[int | None, ...], gone: bool, ledger: int
) -> None:
    one = life(status, days=days, made=days + before, looks=[look(status, *counts)], is_gone=gone, in_ledger=ledger)
    said = advise(one)
    assert len({advice.topic for advice in said}) == len(said)
    for advice in said:
        assert advice.words.count(". ") <= 1
        assert advice.words.endswith(".")
