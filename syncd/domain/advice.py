"""Why a segment is where it is, and what to do: from its history and counts, in a sentence or two, with the reference.

Every rule is a function of a `Life`; they are asked in the order in which one would act. What is not LinkedIn's rule but
ours says so in its reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from statistics import median
from typing import Final

from syncd.domain.course import DAY, FIRST_MATCH, HOUR, TAKEN_UP, UNTOUCHED, Life, forecast
from syncd.domain.segment import Status

SMALLEST_AUDIENCE: Final = 300
"""The audience a campaign needs (reference 002)."""
_WEEK: Final = 7 * DAY
_BEFORE: Final = 5 * _WEEK
_FALLEN: Final = 0.8
"""Of the match rate before; less is worth a look."""

_TRANSITIONS: Final = "reference 002, DMP Segment State Transition"
_STUCK: Final = "reference 002, FAQ: why is a segment stuck in BUILDING status"
_EXPIRED: Final = "reference 002, FAQ: can expired segment be updated again"
_ZERO: Final = "reference 002, FAQ: the audience size is still 0, why"
_OPTED_OUT: Final = "reference 002, FAQ: audience too small even when the matched count is more than 300"
_LIMITS: Final = "reference 002, FAQ: what limits exist on audience size"
_ALLOWED: Final = "reference 002, FAQ: which segment statuses are allowed in campaign targeting"
_DELETED: Final = "reference 002, FAQ: can DMP Segments be deleted or made inactive"
_LISTS: Final = "reference 002, DMP Segment State Transition; CSV list uploads"
_OURS: Final = "syncd's own rule"


class Topic(StrEnum):
    GONE = "gone"
    FIRST_MATCH = "first_match"
    STUCK = "stuck_in_building"
    UPDATE_PENDING = "update_pending"
    EMPTY = "empty"
    NO_MATCH = "no_match"
    TOO_SMALL = "too_small"
    ARCHIVES = "archives"
    EXPIRES = "expires"
    ARCHIVED_EMPTY = "archived_empty"
    EXPIRED = "expired"
    FAILED = "failed"
    ERROR = "error"
    MATCH_RATE = "match_rate_falling"
    UNDOCUMENTED = "undocumented_transition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`acts` says whether somebody has to do something, or only to know and wait."""

    topic: Topic
    words: str
    reference: str
    acts: bool


def advise(life: Life) -> list[Advice]:
    """Everything there is to say of a segment now."""
    if life.is_gone:
        again = (
            f"`syncd segments delete {life.key}`, then upload its list again."
            if life.takes_lists
            else f"`syncd segments recreate {life.key}` makes a new one and fills it from the ledger."
        )
        words = f"It was deleted at LinkedIn, and nothing is sent to it any more. {again}"
        return [Advice(topic=Topic.GONE, words=words, reference=_DELETED, acts=True)]
    return [*_of_status(life), *_of_audience(life), *_of_rate(life), *_of_moves(life)]


def _of_status(life: Life) -> Iterator[Advice]:
    match life.status:
        case Status.BUILDING:
            yield _building(life)
        case Status.UPDATING:
            yield _updating(life)
        case Status.READY:
            yield from _disuse(life)
        case Status.ARCHIVED:
            yield from _archived(life)
        case Status.EXPIRED:
            yield _expired(life)
        case Status.FAILED:
            words = (
                "LinkedIn could not take its list. Look at the header, the hashes and the number of rows (300 to"
                " 300,000), and upload it again."
            )
            yield Advice(topic=Topic.FAILED, words=words, reference=_LISTS, acts=True)
        case Status.ERROR:
            words = "LinkedIn failed on it, and campaigns may not target it. Ask LinkedIn's support, with its id."
            yield Advice(topic=Topic.ERROR, words=words, reference=_ALLOWED, acts=True)


def _building(life: Life) -> Advice:
    """The first match, or archived underneath: streaming wakes an unused segment, and LinkedIn archives it again."""
    if not life.was_woken and life.age <= FIRST_MATCH:
        nobody = (
            "" if life.in_ledger or life.takes_lists else "Nobody was sent to it yet; an empty one becomes READY too. "
        )
        words = f"{nobody}The first match takes up to 48 hours: READY by {day(life.since + FIRST_MATCH)}."
        return Advice(topic=Topic.FIRST_MATCH, words=words, reference=_TRANSITIONS, acts=False)
    if life.was_woken or life.now > life.unused_until:
        words = (
            "It is archived underneath: no draft or active campaign uses it, so that what is streamed wakes it only"
            " until LinkedIn archives it again. Use it in a campaign, and it becomes READY."
        )
        return Advice(topic=Topic.STUCK, words=words, reference=_STUCK, acts=True)
    words = f"It has been BUILDING for {span(life.age)}, and LinkedIn says up to 48 hours. Ask LinkedIn's support, with its id."
    return Advice(topic=Topic.STUCK, words=words, reference=_TRANSITIONS, acts=True)


def _updating(life: Life) -> Advice:
    if life.age <= TAKEN_UP:
        words = (
            f"What was sent last is taken up within 24 hours, by {day(life.since + TAKEN_UP)}."
            " Whoever was matched before is reached meanwhile."
        )
    else:
        words = (
            f"It has been UPDATING for {span(life.age)}: a stream that is never idle can stay so."
            " Whoever was matched before is reached all the same."
        )
    return Advice(topic=Topic.UPDATE_PENDING, words=words, reference=_TRANSITIONS, acts=False)


def _disuse(life: Life) -> Iterator[Advice]:
    due = forecast(life)
    if due is None:
        return
    words = (
        f"LinkedIn archives it {within(due.at - life.now)} ({day(due.at)}) unless a draft or active campaign uses it;"
        " streaming to it does not count as use."
    )
    yield Advice(topic=Topic.ARCHIVES, words=words, reference=_TRANSITIONS, acts=due.at - life.now <= _WEEK)


def _archived(life: Life) -> Iterator[Advice]:
    end = life.since + UNTOUCHED
    words = (
        f"No campaign has used it for 30 days. {within(end - life.now).capitalize()} ({day(end)}) LinkedIn expires it and"
        f" purges everybody in it: use it in a campaign, or {_again(life)}."
    )
    yield Advice(topic=Topic.EXPIRES, words=words, reference=_TRANSITIONS, acts=True)
    if life.newest.audience_size == 0:
        words = (
            "With an audience of 0 it does not become READY even in an active campaign: send people who match first."
        )
        yield Advice(topic=Topic.ARCHIVED_EMPTY, words=words, reference=_ALLOWED, acts=True)


def _expired(life: Life) -> Advice:
    repair = f"Upload its list again: {_again(life)}."
    if not life.takes_lists:
        repair = (
            f"{_again(life)} fills it with the {life.in_ledger:,} of the ledger; if LinkedIn refuses that,"
            f" `syncd segments recreate {life.key}`."
        )
    words = f"LinkedIn purged everybody in it, and campaigns may not target it. {repair}"
    return Advice(topic=Topic.EXPIRED, words=words, reference=_EXPIRED, acts=True)


def _again(life: Life) -> str:
    """What sends everybody in it once more."""
    if life.takes_lists:
        return f"`syncd upload FILE.csv --segment {life.key}`"
    return f"`syncd resync {life.key} --mode replay`"


def _of_audience(life: Life) -> Iterator[Advice]:
    """Of an audience that is known and of no use to a campaign."""
    size, matched = life.newest.audience_size, life.newest.matched_count or 0
    if size is None or size >= SMALLEST_AUDIENCE or life.status not in {Status.READY, Status.UPDATING}:
        return
    if size == 0 and (life.in_ledger or life.takes_lists):
        holds = "a list" if life.takes_lists else f"{life.in_ledger:,}"
        words = (
            f"It holds {holds} and reaches nobody: no match was found, or several of low relevance."
            " Send more identifiers of each person: other addresses, name, company."
        )
        yield Advice(topic=Topic.NO_MATCH, words=words, reference=_ZERO, acts=True)
    elif size == 0:
        words = "Nobody is in it. Send people, and wait for the match."
        yield Advice(topic=Topic.EMPTY, words=words, reference=_LIMITS, acts=True)
    elif matched > SMALLEST_AUDIENCE:
        words = (
            f"LinkedIn matched {matched:,}, but only {size:,} are left without those who opted out of third-party data,"
            f" and a campaign needs {SMALLEST_AUDIENCE}. Send more people."
        )
        yield Advice(topic=Topic.TOO_SMALL, words=words, reference=_OPTED_OUT, acts=True)
    else:
        words = f"Its audience is {size:,}, and a campaign needs {SMALLEST_AUDIENCE}. Send more people."
        yield Advice(topic=Topic.TOO_SMALL, words=words, reference=_LIMITS, acts=True)


def _of_rate(life: Life) -> Iterator[Advice]:
    """Match rates of seven days each, now and over the five weeks before; few inputs say nothing."""
    now = _rate(life, life.now - DAY, life.now)
    before = _rate(life, life.now - _BEFORE, life.now - _WEEK)
    if now is not None and before is not None and now < _FALLEN * before:
        words = (
            f"LinkedIn matches {now:.0%} of what was sent in the last 7 days, and matched {before:.0%} before."
            " Look at what the CRM sends of late: other sources, other countries, addresses of firms."
        )
        yield Advice(topic=Topic.MATCH_RATE, words=words, reference=_OURS, acts=True)


def _rate(life: Life, start: float, end: float) -> float | None:
    rates = [
        look.match_rate
        for look in life.looks
        if start <= look.at <= end and (look.input_count or 0) >= SMALLEST_AUDIENCE and look.match_rate is not None
    ]
    return median(rates) if rates else None


def _of_moves(life: Life) -> Iterator[Advice]:
    move = life.moves[-1] if life.moves else None
    if move is not None and not move.documented:
        words = (
            f"It went from {move.before or 'nothing'} to {move.after}, which LinkedIn does not document."
            " Compare it with Campaign Manager."
        )
        yield Advice(topic=Topic.UNDOCUMENTED, words=words, reference=_TRANSITIONS, acts=True)


def day(moment: float) -> str:
    """A date in UTC, as advice writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def span(seconds: float) -> str:
    """A duration in whole days, or hours below two of them."""
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:.0f} days"
    hours = round(seconds / HOUR)
    return f"{hours} hour{'' if hours == 1 else 's'}" if hours > 0 else "less than an hour"


def within(seconds: float) -> str:
    """`in 12 days`, or that it may happen any time."""
    return f"in {span(seconds)}" if seconds > 0 else "any day now"
