"""What wants a person: conditions that hold now, as values. Nothing here names anybody in a segment.

A condition has a level where it gets worse by the calendar: it is said again at each, and healed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncd.domain.segment import Segment, SegmentParking, Status
from syncd.domain.version import DAY

TOKEN_DAYS: Final = (30, 7, 1)
VERSION_DAYS: Final = (60, 14)
ERASURE_DAYS: Final = (1, 7, 21)
"""Whoever asks to be forgotten is owed an answer within a month."""
_FAILED: Final = frozenset({Status.FAILED, Status.ERROR})
_SERVES: Final = frozenset({Status.READY, Status.UPDATING})
_PURGED: Final = frozenset({SegmentParking.EXPIRED, SegmentParking.PURGED})


class Kind(StrEnum):
    """What an alert is about. Part of what a webhook gets, and of the documentation."""

    MEMBER_PARKED = "member_parked"
    SEGMENT_PARKED = "segment_parked"
    SEGMENT_FAILED = "segment_failed"
    SEGMENT_EXPIRED = "segment_expired"
    SEGMENT_READY = "segment_ready"
    DEAD_LETTERS = "dead_letters"
    FUSE_BLOWN = "fuse_blown"
    ERASURE_WAITING = "erasure_waiting"
    TOKEN_ENDING = "token_ending"  # noqa: S105 - the name of an alert
    VERSION_ENDING = "version_ending"


GOOD_NEWS: Final = frozenset({Kind.SEGMENT_READY})
"""Told when it begins; that it is over is told by what came instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`about` is the key of a member or segment, a version, or an erasure's number and a segment; `level` grows as it gets worse."""

    kind: Kind
    about: str
    words: str
    level: int = 0


def of_member(key: str, parked: str, words: str) -> Condition:
    return Condition(kind=Kind.MEMBER_PARKED, about=key, words=f"member {key} is parked ({parked}): {words}")


def of_segment(segment: Segment, *, many_dead: int | None) -> list[Condition]:
    """`many_dead` is the number of dead letters that it has more of, None where it has not."""
    key, status = segment.key, segment.status
    found = []
    if segment.parked in _PURGED or status == Status.EXPIRED:
        words = segment.parked_words or "LinkedIn expired and emptied it"
        found.append(Condition(kind=Kind.SEGMENT_EXPIRED, about=key, words=f"segment {key}: {words}"))
    elif segment.parked is not None:
        words = f"segment {key} is parked ({segment.parked}): {segment.parked_words}"
        found.append(Condition(kind=Kind.SEGMENT_PARKED, about=key, words=words))
    if status in _FAILED:
        words = f"segment {key} is {status} at LinkedIn: its support can say why"
        found.append(Condition(kind=Kind.SEGMENT_FAILED, about=key, words=words))
    if status in _SERVES:
        found.append(
            Condition(kind=Kind.SEGMENT_READY, about=key, words=f"segment {key} is READY: campaigns can use it")
        )
    if many_dead is not None:
        words = f"segment {key} has more than {many_dead} dead letters: `syncd dead-letters list --segment {key}`"
        found.append(Condition(kind=Kind.DEAD_LETTERS, about=key, words=words))
    return found


def of_fuse(key: str, removes: int, held: int) -> Condition:
    words = (
        f"a reconcile of segment {key} stopped by itself, for it would remove {removes:,} of {held:,}: if its source is right, "
        f"`syncd resync {key} --mode reconcile` starts one that a person confirms"
    )
    return Condition(kind=Kind.FUSE_BLOWN, about=key, words=words)


def of_erasure(number: int, segment: str, waits_for: str, days: float) -> Condition | None:
    """`days` since it was asked for; an erasure that is on its way within a day wants nobody."""
    level = sum(days >= limit for limit in ERASURE_DAYS)
    if not level:
        return None
    reason = waits_for or "LinkedIn or the daemon has not got to it"
    waited = "for a day" if days < 2 else f"for {days:.0f} days"
    words = f"erasure {number} of segment {segment} has waited {waited}: {reason}: `syncd erasures show {number}`"
    return Condition(kind=Kind.ERASURE_WAITING, about=f"{number}/{segment}", words=words, level=level)


def of_token(member: str, which: str, ends: float | None, now: float) -> Condition | None:
    """`which` is access or refresh; times are seconds since 1970."""
    left = None if ends is None else (ends - now) / DAY
    level = 0 if left is None else sum(left <= days for days in TOKEN_DAYS)
    if left is None or not level:
        return None
    when = "has ended" if left <= 0 else f"ends in {left:.0f} days" if left > 1 else "ends within a day"
    words = f"the {which} token of member {member} {when}: `syncd check` says how to sign in again"
    return Condition(kind=Kind.TOKEN_ENDING, about=f"{member}/{which}", words=words, level=level)


def of_version(version: str, left: float) -> Condition | None:
    """`left` in days."""
    level = sum(left <= days for days in VERSION_DAYS)
    if not level:
        return None
    when = "has ended" if left <= 0 else f"ends in {left:.0f} days"
    words = f"version {version} of LinkedIn's API {when}: deploy a syncd with a newer linkedin.api_version"
    return Condition(kind=Kind.VERSION_ENDING, about=version, words=words, level=level)
