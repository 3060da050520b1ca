"""Which segments of an ad account nobody would miss: an account holds 1,000, other programs' included.

A proposal, never an order: syncd deletes nothing that somebody did not name.
"""

from __future__ import annotations

from syncd.domain.segment import Status


def dispensable(status: str, audience_size: int | None, *, is_bound: bool, is_ours: bool) -> str:
    """Why a segment could go, empty if it should stay. `is_bound` says that a segment of ours is kept equal through it,
    `is_ours` that this syncd made it.
    """
    if is_bound:
        return ""
    if is_ours:
        return "this syncd made it and does not feed it any more"
    match status:
        case Status.EXPIRED:
            return "expired: LinkedIn purged it, and campaigns may not target it"
        case Status.FAILED | Status.ERROR:
            return f"{status}: campaigns may not target it"
        case Status.ARCHIVED if audience_size == 0:
            return "archived, and its audience is empty"
        case _:
            return ""
