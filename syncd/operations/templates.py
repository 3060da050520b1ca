"""Saved audience templates: what a team targets again and again, under a name that campaigns can use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from syncd.domain.access import COMMAND_LINE, By
from syncd.domain.notices import TARGETING, Notice
from syncd.domain.targeting import Clause
from syncd.domain.template import Change, Draft, Template, misdrawn
from syncd.errors import Rejected
from syncd.linkedin import templates
from syncd.linkedin.caller import Caller
from syncd.linkedin.templates import SortField, SortOrder
from syncd.operations import audit, scopes, voices
from syncd.operations.audit import Deed
from syncd.operations.deletions import Deleted, deleted
from syncd.operations.moments import moment
from syncd.operations.refusals import told
from syncd.operations.targets import account_of, refuse
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateReport:
    """A template; whoever is in every clause of `include` and not in `exclude`."""

    id: str
    name: str
    description: str
    account: str
    members: int | None
    created: datetime | None
    modified: datetime | None
    include: tuple[Clause, ...]
    exclude: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateList:
    notices: tuple[Notice, ...]
    templates: list[TemplateReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was made or changed: whoever edits targeting is told the notices too."""

    notices: tuple[Notice, ...]
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The templates one member can see, of some ad accounts where the caller's sight ends at those. Every method is one
    operation.
    """

    database: Database
    settings: Settings
    clock: Clock = Clock()
    by: By = COMMAND_LINE
    accounts: frozenset[str] | None = None

    async def listed(self, account: str | None, sort: SortField, order: SortOrder) -> TemplateList:
        """Those of an ad account."""
        urn, member = await self._account(account)
        async with voices.speaking(self.settings, member, self.database, self.clock) as caller:
            found = await caller.gather(
                lambda transport, token: templates.of_account(
                    transport, token=token, account=urn, sort=sort, order=order
                )
            )
        if not isinstance(found, list):
            raise told(found)
        return TemplateList(notices=TARGETING, templates=[_report(one) for one in found])

    async def shown(self, template: str) -> TemplateList:
        """One, as a list of one: its notices stand beside it."""
        async with self._voice(template) as caller:
            found = await caller.ask(lambda transport, token: templates.get(transport, token=token, template=template))
        if not isinstance(found, Template):
            raise told(found)
        return TemplateList(notices=TARGETING, templates=[_report(found)])

    async def create(self, draft: Draft) -> Saved:
        """The new one."""
        refuse(misdrawn(draft))
        _, member = await self._account(draft.account)
        await scopes.permit(self.database, self.accounts, draft.criteria)
        async with voices.speaking(self.settings, member, self.database, self.clock) as caller:
            made = await caller.ask(lambda transport, token: templates.create(transport, token=token, draft=draft))
        if not isinstance(made, str):
            raise told(made)
        await self._note("template.create", made, draft.account)
        return Saved(notices=TARGETING, id=made)

    async def update(self, template: str, change: Change) -> Saved:
        refuse(misdrawn(change))
        if change.criteria is not None:
            await scopes.permit(self.database, self.accounts, change.criteria)
        async with self._voice(template) as caller:
            failure = await caller.ask(
                lambda transport, token: templates.update(transport, token=token, template=template, change=change)
            )
        if failure is not None:
            raise told(failure)
        await self._note("template.update", template)
        return Saved(notices=TARGETING, id=template)

    async def delete(self, ids: tuple[str, ...]) -> Deleted:
        """One by itself, several in one call that says of each what became of it."""
        async with self._voice(*ids) as caller:
            if len(ids) == 1:
                failure = await caller.ask(
                    lambda transport, token: templates.delete(transport, token=token, template=ids[0])
                )
                if failure is not None:
                    raise told(failure)
                await self._note("template.delete", ids[0])
                return Deleted(gone=list(ids), kept={})
            done = deleted(
                await caller.ask(lambda transport, token: templates.delete_all(transport, token=token, templates=ids)),
                ids,
            )
        for one in done.gone:
            await self._note("template.delete", one)
        return done

    async def _note(self, action: str, template: str, account: str | None = None) -> None:
        """What LinkedIn has done is written down afterwards: it is no transaction of ours."""
        await audit.record_alone(self.database, self.by, Deed(action=action, target=template, account=account))

    async def _account(self, account: str | None) -> tuple[str, Member]:
        """An ad account, and who asks about it."""
        urn, member = account_of(self.settings, account)
        if self.accounts is not None:
            member = await scopes.voice(self.database, self.settings, self.accounts & {urn})
        return urn, member

    @asynccontextmanager
    async def _voice(self, *ids: str) -> AsyncIterator[Caller]:
        for one in ids:
            if not (one.isascii() and one.isdigit() and len(one) <= 18):
                raise Rejected(f"{one!r} is no template: ids are numbers, `syncd templates list` shows them")
        member = await scopes.voice(self.database, self.settings, self.accounts)
        async with voices.speaking(self.settings, member, self.database, self.clock) as caller:
            yield caller


def _report(of: Template) -> TemplateReport:
    return TemplateReport(
        id=of.id,
        name=of.name,
        description=of.description,
        account=of.account,
        members=of.members,
        created=moment(of.created),
        modified=moment(of.modified),
        include=of.criteria.include,
        exclude=of.criteria.exclude,
    )
