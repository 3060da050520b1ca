"""LinkedIn's sign-off (`linkedin-api.md` §10), member by member: each point exercised against LinkedIn, with its evidence.

Reading is enough for all but one: that a token can be refreshed is proved by refreshing it, which somebody asks for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from syncd.domain.outcome import NotAllowed, Sunset, TokenRefused, Unclear
from syncd.domain.segment import CROWDED, MOST_SEGMENTS, READ_ONLY
from syncd.domain.token import milestone
from syncd.linkedin import accounts, facets
from syncd.linkedin.accounts import Role
from syncd.linkedin.auth import Access, Again
from syncd.linkedin.caller import Caller
from syncd.operations import audiences
from syncd.operations.audiences import Audience
from syncd.operations.members import days_left
from syncd.operations.moments import moment
from syncd.operations.points import Point, Proof
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store.reports import Bound

_NAMED: Final = 5
"""Audiences that evidence names; `syncd accounts audiences` lists all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One member, who can be asked for. `bound` is every DMP segment of ours; `refreshing` says that a refresh may be
    made for the proof.
    """

    settings: Settings
    member: Member
    caller: Caller
    clock: Clock
    bound: Sequence[Bound]
    refreshing: bool

    async def points(self, roles: Sequence[Role]) -> AsyncIterator[Point]:
        """What a member whose token works must prove."""
        yield self._point(
            "token", f"works for {len(roles)} ad accounts: it reads accounts and roles (r_ads or rw_ads)", Proof.SCOPES
        )
        async for point in self._calendar():
            yield point
        for point in self._roles(roles):
            yield point
        seen: dict[str, set[int]] = {}
        keys = {one.dmp_id: one.key for one in self.bound}
        for account in sorted({role.account for role in roles}):
            found = await audiences.of_account(self.caller, account, keys, self.settings.instance)
            name = f"audiences of {account}"
            if isinstance(found, list):
                seen[account] = {one.id for one in found}
                yield self._listed(name, found)
            else:
                yield self._point(name, refusal(found, "rw_dmp_segments"), Proof.SCOPES, ok=False)
        yield self._deleted(seen)
        yield await self._targeting()

    def _point(self, name: str, evidence: str, proves: Proof, *, ok: bool = True, soon: bool = False) -> Point:
        return Point(name=f"member {self.member.key}: {name}", ok=ok, evidence=evidence, proves=proves, soon=soon)

    async def _calendar(self) -> AsyncIterator[Point]:
        """When its tokens end, and that the access token is renewed."""
        access, refresh = self.caller.tokens.ends
        renews = self.member.refresh_token_file is not None
        if renews and self.refreshing:
            yield await self._refreshed()
        elif renews:
            said = f"{_end(access)}, renewed by syncd before it does; `--refresh` proves it"
            yield self._point("access token", said, Proof.ACCESS_END)
        else:
            said = f"{_end(access)}, and syncd cannot renew it without a refresh token: its file is watched"
            yield self._point("access token", said, Proof.ACCESS_END, soon=access is None or self._is_near(access))
        if renews:
            near = refresh is None or self._is_near(refresh)
            said = f"{_end(refresh)}{': let the member sign in again' if near and refresh is not None else ''}"
            yield self._point("refresh token", said, Proof.REFRESH_END, soon=near)

    def _is_near(self, ends: float) -> bool:
        return milestone(ends, self.clock.wall()) is not None

    async def _refreshed(self) -> Point:
        """A refresh on purpose, and a call with what it brought."""
        before = await self.caller.tokens.access()
        if not isinstance(before, Access):
            return self._point("access token", before.words, Proof.ACCESS_END, ok=False)
        verdict = await self.caller.tokens.refused(before, "a refresh was asked for by `syncd check`")
        after = await self.caller.tokens.access()
        works = isinstance(await self.caller.ask(accounts.roles), list)
        fetched = isinstance(after, Access) and after.generation != before.generation
        if works and (fetched or (isinstance(verdict, Again) and verdict.wait > 0)):
            said = f"was refreshed just now and works; {_end(self.caller.tokens.ends[0])}"
            return self._point("access token", said, Proof.ACCESS_END)
        return self._point("access token", f"could not be refreshed: {verdict.words}", Proof.ACCESS_END, ok=False)

    def _roles(self, roles: Sequence[Role]) -> Iterator[Point]:
        """VIEWER may not write segments (`linkedin-api.md` §3)."""
        held = {role.account: role.role for role in roles}
        key = self.member.key
        wanted = {one.account for one in self.settings.segments if one.member == key}
        wanted |= {one.account for one in self.bound if one.member == key}
        for account in sorted(wanted):
            role = held.get(account)
            refused = role_refused(key, account, role)
            said = refused or f"{role}; as VIEWER it would be refused: {role_refused(key, account, READ_ONLY)}"
            yield self._point(account, said, Proof.VIEWER, ok=not refused)

    def _listed(self, name: str, found: Sequence[Audience]) -> Point:
        statuses = Counter(one.status or "without status" for one in found)
        counted = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "none"
        spare = [one for one in found if one.could_go]
        said = f"{len(found)} of {MOST_SEGMENTS:,} ({counted})"
        if spare:
            named = "; ".join(f"{one.id} {one.name}: {one.could_go}" for one in spare[:_NAMED])
            more = f" and {len(spare) - _NAMED} more, see `syncd accounts audiences`" if len(spare) > _NAMED else ""
            said += f"; could be cleaned up: {named}{more}"
        return self._point(name, said, Proof.AUDIENCES, ok=len(found) < MOST_SEGMENTS, soon=len(found) >= CROWDED)

    def _deleted(self, seen: Mapping[str, Collection[int]]) -> Point:
        """Ours that LinkedIn does not list any more must be parked."""
        bound = [one for one in self.bound if one.member == self.member.key and one.account in seen]
        gone = [one for one in bound if one.dmp_id not in seen[one.account]]
        used = [one.key for one in gone if not one.is_lost]
        said = f"{len(bound) - len(gone)} of {len(bound)} audiences of ours are there"
        if gone and not used:
            said += f"; deleted at LinkedIn, parked, nothing is sent to them: {', '.join(one.key for one in gone)}"
        if used:
            said += f"; deleted at LinkedIn, not noticed by a daemon yet: {', '.join(used)}"
        return self._point("deleted audiences", said, Proof.DELETED, ok=not used, soon=bool(gone))

    async def _targeting(self) -> Point:
        """Facets stand for what insights and forecasts need; the road works without."""
        found = await self.caller.gather(lambda transport, token: facets.every(transport, token=token))
        if isinstance(found, list):
            return self._point("targeting", f"{len(found)} facets can be read", Proof.SCOPES)
        said = f"{refusal(found, 'r_ads or rw_ads')}; insights and forecasts will not work, the sync does"
        return self._point("targeting", said, Proof.SCOPES, soon=True)


def role_refused(key: str, account: str, role: str | None) -> str:
    """Why a member with this role is not let work in an account, and what helps; empty if it may."""
    if role is None:
        return f"{key} has no role in {account}: ask its owner for CAMPAIGN_MANAGER"
    if role == READ_ONLY:
        return f"{key} is only VIEWER in {account} and cannot change audiences: ask for CAMPAIGN_MANAGER"
    return ""


def refusal(failure: object, scope: str) -> str:
    """What LinkedIn's refusal means for an operator; `scope` is what the call needed."""
    match failure:
        case TokenRefused(words=words):
            return f"LinkedIn refuses the token ({words}): sign in again and replace the token file"
        case NotAllowed(words=words):
            return f"LinkedIn does not let the application do this ({words}): it needs {scope}"
        case Sunset(words=words):
            return f"LinkedIn does not serve this API version any more ({words}): set linkedin.api_version"
        case Unclear(words=words):
            return f"LinkedIn could not be asked: {words}"
        case other:
            return f"LinkedIn answered: {getattr(other, 'words', type(other).__name__)}"


def _end(seconds: float | None) -> str:
    end = moment(seconds)
    return "its end is not known" if end is None else f"ends {end:%Y-%m-%d} ({days_left(end):.0f} days)"
