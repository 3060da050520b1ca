"""Whatever waits for a cause to go away comes with a sentence on what to do."""

from __future__ import annotations

import pytest

from syncd.domain.remedy import INTAKE, UNKNOWN, of_member, of_segment
from syncd.domain.segment import MemberParking, SegmentParking


@pytest.mark.parametrize("reason", list(SegmentParking))
def test_every_parked_segment_has_one(reason: SegmentParking) -> None:
    assert of_segment(reason.value).endswith(".")


@pytest.mark.parametrize("reason", list(MemberParking))
def test_every_parked_member_has_one(reason: MemberParking) -> None:
    assert of_member(reason.value).endswith(".")


def test_a_reason_that_nobody_knows_has_none() -> None:
    assert (of_segment("?"), of_member("?")) == ("", "")
    assert INTAKE
    assert UNKNOWN
