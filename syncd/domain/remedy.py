"""What a person can do about something that waits: a sentence for each cause, in the words of the console.

LinkedIn's own words say what happened; these say what to do next. A cause that may pass by itself says so.
"""

from __future__ import annotations

from typing import Final

from syncd.domain.segment import MemberParking, SegmentParking

_SEGMENT: Final = {
    SegmentParking.FOREIGN: "A segment with this key is at LinkedIn already, and this database did not make it. Adopt it, or "
    "recreate it as a new one.",
    SegmentParking.LOST: "LinkedIn does not know the segment any more. Recreate it: a new one is made and filled from the "
    "ledger.",
    SegmentParking.REFUSED: "LinkedIn refuses everything in a batch. One request now and then finds out whether that has "
    "passed; with the words above, LinkedIn's support can say why.",
    SegmentParking.MISCONFIGURED: "LinkedIn refuses the call itself. Mend what the words above name; one request now and then "
    "finds out whether it is mended.",
    SegmentParking.NOT_ALLOWED: "The member may not write to this ad account. Give it the role CAMPAIGN_MANAGER or higher in "
    "Campaign Manager, or let another member feed the segment.",
    SegmentParking.SEGMENT_LIMIT: "The ad account is full: LinkedIn takes 1,000 segments. Delete some that nobody uses, then "
    "resume.",
    SegmentParking.EXPIRED: "LinkedIn expired the segment and purged everybody in it. Start a resync in replay mode to fill it "
    "again; changes wait until then.",
    SegmentParking.PURGED: "Its audience fell to nothing while the ledger is full. Start a resync in replay mode to fill it "
    "again; changes wait until then.",
}
_MEMBER: Final = {
    MemberParking.TOKEN: "Its token is not taken any more. Start a sign-in on the page of members, or replace the token's file: "
    "it goes on by itself, and nothing is lost meanwhile.",
    MemberParking.VERSION: "LinkedIn has ended this version of its API. Move linkedin.api_version "
    "(SYNCD_LINKEDIN__API_VERSION) to a newer one and restart.",
}

INTAKE: Final = (
    "The ids of the outbox have fallen back: its database was restored or replaced. Look at `syncd epoch show`, and start a "
    "new epoch once nothing writes with the old ids any more."
)
UNKNOWN: Final = "Rows wait for a segment that does not exist. Create one with this key, or have the CRM write to another; nothing is lost."


def of_segment(reason: str) -> str:
    """What helps a segment that is parked for this reason."""
    return _SEGMENT.get(SegmentParking(reason), "") if reason in set(SegmentParking) else ""


def of_member(reason: str) -> str:
    """What helps a member that is parked for this reason."""
    return _MEMBER.get(MemberParking(reason), "") if reason in set(MemberParking) else ""
