"""The states of a segment and the transitions that reference 002 documents."""

from __future__ import annotations

import pytest

from syncd.domain.change import Kind
from syncd.domain.segment import TRIED_AGAIN, MemberKey, Segment, SegmentKey, SegmentParking, Status, documented

TABLE = """
BUILDING READY
BUILDING FAILED
BUILDING ARCHIVED
READY UPDATING
UPDATING READY
READY ARCHIVED
ARCHIVED BUILDING
ARCHIVED EXPIRED
EXPIRED BUILDING
"""


def test_the_documented_transitions_are_those_of_the_table_and_no_others() -> None:
    wanted = {tuple(line.split()) for line in TABLE.split("\n") if line}
    states = [*Status, "SOMETHING_NEW"]
    assert {(str(old), str(new)) for old in states for new in states if documented(old, new)} == wanted


@pytest.mark.parametrize("status", [*Status, "SOMETHING_NEW"])
def test_the_first_sight_of_a_segment_is_no_transition(status: str) -> None:
    assert documented("", status)


def test_no_status_is_documented_to_turn_into_itself() -> None:
    assert not any(documented(status, status) for status in Status)


def test_a_segment_that_must_be_repaired_by_somebody_is_never_tried_again() -> None:
    repaired = {
        SegmentParking.FOREIGN,
        SegmentParking.SEGMENT_LIMIT,
        SegmentParking.EXPIRED,
        SegmentParking.PURGED,
    }
    assert set(SegmentParking) - TRIED_AGAIN == repaired


@pytest.mark.parametrize(("kind", "resource"), [(Kind.USER, "users"), (Kind.COMPANY, "companies")])
def test_the_batches_of_a_segment_go_to_the_resource_of_its_kind(kind: Kind, resource: str) -> None:
    segment = Segment(id=1, key=SegmentKey("s"), name="s", kind=kind, account="a", member=MemberKey("m"))
    assert segment.resource == resource
