"""Whom an operation of planning is about, and in whose voice it asks: a segment, its ad account, its member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from syncd.domain.advice import SMALLEST_AUDIENCE
from syncd.domain.segment import SegmentParking, Status
from syncd.domain.targeting import Criteria, facet_name, targeting
from syncd.errors import Rejected
from syncd.operations.segments import unknown
from syncd.settings import Member, Settings
from syncd.store import reports
from syncd.store.engine import Database

_ACCOUNT: Final = re.compile(r"urn:li:sponsoredAccount:[0-9]{1,18}")
_BETWEEN: Final = re.compile(r",(?=urn:)")

Facets = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A segment that campaigns can target; `status` and `size` of its audience as LinkedIn last said them."""

    id: int
    key: str
    account: str
    member: Member
    audience: str
    status: str
    size: int | None

    def criteria(self, include: Facets = (), exclude: Facets = ()) -> Criteria:
        """The segment, narrowed by facets."""
        return targeting(self.audience, include, exclude)

    def too_few(self) -> Iterator[str]:
        """Why the audience has no forecast yet. Facets only narrow a segment: too few in it are too few of any of them,
        while enough in it may still be too few in the end, which LinkedIn says then.
        """
        if self.status == Status.BUILDING and not self.size:
            yield (
                f"LinkedIn has not matched segment {self.key} yet, which takes up to 48 hours:"
                " ask again when `syncd segments show` says READY"
            )
        elif self.status == Status.READY and self.size is not None and self.size < SMALLEST_AUDIENCE:
            yield (
                f"a forecast needs an audience of {SMALLEST_AUDIENCE}, and that of segment {self.key} is {self.size}:"
                " send more people"
            )


async def target(database: Database, settings: Settings, key: str) -> Target:
    """Raises Rejected for a segment that is not known, has no ad segment yet, or that campaigns may not target
    (`linkedin-api.md` §3): LinkedIn would only refuse it, in words about something else.
    """
    async with database.read() as connection:
        found = await reports.segment_rows(connection, key)
        if not found:
            raise await unknown(connection, key)
    row = found[0]
    if (bar := _bar(row)) is not None:
        raise Rejected(f"segment {key} cannot be targeted: {bar}")
    if not row.ad_segment:
        raise Rejected(f"segment {key} has no ad segment yet: the daemon notes it as soon as LinkedIn has made it")
    return Target(
        id=row.id,
        key=key,
        account=row.account,
        member=member_of(settings, row.member),
        audience=row.ad_segment,
        status=row.status,
        size=row.audience_size,
    )


def _bar(row: Any) -> str | None:
    """What stands in the way of a campaign, and what to do about it; None if nothing is known to."""
    refill = f"`syncd resync {row.key} --mode replay`"
    anew = f"`syncd segments recreate {row.key}`"
    if row.takes_lists:
        refill = anew = f"`syncd upload FILE.csv --segment {row.key}`"
    if row.parked == SegmentParking.LOST:
        gone = f"`syncd segments delete {row.key}`, then upload its list again" if row.takes_lists else anew
        return f"LinkedIn does not know it any more: {gone}"
    if row.status == Status.EXPIRED or row.parked in {SegmentParking.EXPIRED, SegmentParking.PURGED}:
        return f"LinkedIn purged everybody in it: {refill}, and ask again when it is READY"
    if row.status == Status.FAILED:
        taken = "take its list" if row.takes_lists else "build it"
        return f"LinkedIn could not {taken}: {anew}, and ask again when it is READY"
    if row.status == Status.ERROR:
        return f"LinkedIn failed on it: {anew}, or ask LinkedIn's support, with its id {row.dmp_id}"
    return None


def member_of(settings: Settings, key: str | None = None) -> Member:
    """The member of that key, or the first one declared."""
    known = {member.key: member for member in settings.members}
    if not known:
        raise Rejected("no member is declared in the configuration: nobody can ask LinkedIn")
    if key is not None and key not in known:
        raise Rejected(f"there is no member {key} in the configuration: `syncd members list` shows those there are")
    return known[key] if key is not None else settings.members[0]


def account_of(settings: Settings, account: str | None) -> tuple[str, Member]:
    """The ad account, by its URN or because it is the only one of the configuration, and a member that works for it."""
    known = {segment.account: segment.member for segment in settings.segments}
    if account is None:
        if len(known) != 1:
            raise Rejected("say which ad account: --account urn:li:sponsoredAccount:…")
        account = next(iter(known))
    if not _ACCOUNT.fullmatch(account):
        raise Rejected(f"{account!r} is no ad account: it is written urn:li:sponsoredAccount:123456")
    return account, member_of(settings, known.get(account))


def facets(pairs: Iterable[str]) -> Facets:
    """`FACET=URN[,URN…]` as facets with their entities. Raises Rejected for one that is not known."""
    return tuple(_facets(pairs))


def _facets(pairs: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pair in pairs:
        name, sign, urns = pair.partition("=")
        if not sign or not urns:
            raise Rejected(f"{pair!r} is no facet with entities: write locations=urn:li:geo:103644278")
        yield facet(name), tuple(urn.strip() for urn in _BETWEEN.split(urns))


def facet(text: str) -> str:
    """The name of a facet. Raises Rejected for one that is not known."""
    name = facet_name(text.strip())
    if name is None:
        raise Rejected(f"there is no facet {text!r}: `syncd facets` lists them; one that is new needs its whole URN")
    return name


def refuse(problems: Iterable[str]) -> None:
    """Raises Rejected with all problems, if there are any."""
    found = list(problems)
    if found:
        raise Rejected("; ".join(found))
