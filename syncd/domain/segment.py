"""A segment of ours and the status of the DMP segment it is bound to.

The documented transitions are those of reference 002 ("DMP Segment State Transition"); any other is recorded and
flagged, never refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from syncd.domain.change import Kind

SegmentKey = NewType("SegmentKey", str)
MemberKey = NewType("MemberKey", str)

UNKNOWN_SEGMENTS: Final = "(unknown)"
"""Label under which rows of segments that do not exist are counted."""


MOST_SEGMENTS: Final = 1_000
"""An ad account holds no more (reference 002)."""
CROWDED: Final = 900
"""Segments from which an account is warned of."""
READ_ONLY: Final = "VIEWER"
"""The role that may not write segments (`linkedin-api.md` §3)."""


class Status(StrEnum):
    BUILDING = "BUILDING"
    READY = "READY"
    UPDATING = "UPDATING"
    ARCHIVED = "ARCHIVED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    ERROR = "ERROR"


DOCUMENTED: Final = frozenset(
    {
        (Status.BUILDING, Status.READY),
        (Status.BUILDING, Status.FAILED),
        (Status.BUILDING, Status.ARCHIVED),
        (Status.READY, Status.UPDATING),
        (Status.UPDATING, Status.READY),
        (Status.READY, Status.ARCHIVED),
        (Status.ARCHIVED, Status.BUILDING),
        (Status.ARCHIVED, Status.EXPIRED),
        (Status.EXPIRED, Status.BUILDING),
    }
)


def documented(old: str, new: str) -> bool:
    """Whether LinkedIn knows the transition. The first sight of a segment is none: one that was adopted has lived before."""
    return not old or (old, new) in DOCUMENTED


class SegmentParking(StrEnum):
    """Why a segment waits. Label `reason` of `syncd_segment_parked`."""

    FOREIGN = "foreign"
    LOST = "lost"
    REFUSED = "refused"
    MISCONFIGURED = "misconfigured"
    NOT_ALLOWED = "not_allowed"
    SEGMENT_LIMIT = "segment_limit"
    EXPIRED = "expired"
    PURGED = "purged"


TRIED_AGAIN: Final = frozenset(
    {SegmentParking.LOST, SegmentParking.REFUSED, SegmentParking.MISCONFIGURED, SegmentParking.NOT_ALLOWED}
)
"""Reasons that may go away by themselves: one request every now and then finds out."""


class MemberParking(StrEnum):
    """Why a member waits. Label `reason` of `syncd_member_parked`."""

    TOKEN = "token"  # noqa: S105 - a reason, not a secret
    VERSION = "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What the road needs to know of a segment. Times are seconds since 1970 by the database's clock. One that
    `takes_lists` is filled by uploads only (reference 002): nothing is ever streamed to it.
    """

    id: int
    key: SegmentKey
    name: str
    kind: Kind
    account: str
    member: MemberKey
    dmp_id: int | None = None
    bound_at: float | None = None
    parked: SegmentParking | None = None
    parked_words: str = ""
    paused: bool = False
    high_water: int = 0
    has_subjects: bool = False
    status: str = ""
    status_seen_at: float | None = None
    status_since: float | None = None
    audience_size: int | None = None
    takes_lists: bool = False

    @property
    def resource(self) -> str:
        """The streaming resource its batches go to; limits count per member and resource (reference 002)."""
        return "users" if self.kind is Kind.USER else "companies"
