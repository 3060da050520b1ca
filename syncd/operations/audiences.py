"""The ad accounts of the members and every audience in them, as LinkedIn lists them now: ours, other programs' and those
that could be cleaned up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.domain.cleanup import dispensable
from syncd.domain.outcome import Failure
from syncd.linkedin import accounts
from syncd.linkedin import segments as dmp
from syncd.linkedin.caller import Caller
from syncd.linkedin.segments import DmpSegment
from syncd.operations import refusals, voices
from syncd.operations.voices import Clock
from syncd.settings import Settings
from syncd.store import reports
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """A segment in an ad account. `segment` is the key of ours that is bound to it, `could_go` why it could be deleted."""

    id: int
    account: str
    name: str
    type: str
    status: str
    audience_size: int | None
    segment: str | None
    could_go: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An ad account, and what the member may do in it."""

    account: str
    member: str
    role: str
    audiences: list[Audience]


async def listed(database: Database, settings: Settings, clock: Clock = Clock()) -> list[Account]:
    """Every account of every member, once; raises what LinkedIn's refusal means to the caller."""
    bound = await bindings(database)
    found: dict[str, Account] = {}
    for member in settings.members:
        async with voices.speaking(settings, member, database, clock) as caller:
            roles = await caller.ask(accounts.roles)
            if not isinstance(roles, list):
                raise refusals.told(roles)
            for role in roles:
                if role.account not in found:
                    audiences = await of_account(caller, role.account, bound, settings.instance)
                    if not isinstance(audiences, list):
                        raise refusals.told(audiences)
                    found[role.account] = Account(
                        account=role.account, member=member.key, role=role.role, audiences=audiences
                    )
    return [account for _, account in sorted(found.items())]


async def bindings(database: Database) -> dict[int, str]:
    """Which DMP segments our segments are bound to: id → key."""
    async with database.read() as connection:
        return {one.dmp_id: one.key for one in await reports.bound(connection)}


async def of_account(caller: Caller, account: str, bound: Mapping[int, str], instance: str) -> list[Audience] | Failure:
    """Every audience of one account, page by page."""
    found = await caller.gather(lambda transport, token: dmp.of_account(transport, token=token, account=account))
    if not isinstance(found, list):
        return found
    return [_audience(one, account, bound.get(one.id), instance) for one in found]


def _audience(one: DmpSegment, account: str, key: str | None, instance: str) -> Audience:
    is_ours = one.source_segment_id.startswith(f"{instance}:")
    return Audience(
        id=one.id,
        account=account,
        name=one.name,
        type=one.type,
        status=one.status,
        audience_size=one.audience_size,
        segment=key,
        could_go=dispensable(one.status, one.audience_size, is_bound=key is not None, is_ours=is_ours),
    )
