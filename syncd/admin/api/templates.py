"""Saved audience templates, as LinkedIn keeps them. One of another ad account does not exist for whoever may not see it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from syncd.admin.api.planning import Narrowed, narrowed
from syncd.admin.api.wire import Account, Key, Reason, Text
from syncd.admin.routes import Call, Reach, Route
from syncd.domain.access import By, Role
from syncd.domain.targeting import Criteria, targeting
from syncd.domain.template import LONGEST_DESCRIPTION, LONGEST_NAME, Change, Draft
from syncd.errors import Absent
from syncd.linkedin.templates import SortField, SortOrder
from syncd.operations import segments, targets
from syncd.operations.deletions import Deleted
from syncd.operations.templates import Saved, TemplateList, Templates


class Which(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`account` may be left out where the configuration has only one."""

    account: Account | None = None
    sort: SortField = SortField.NAME
    order: SortOrder = SortOrder.ASCENDING


class NewTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a segment, of facets, or of both; `account` is for facets alone."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    description: Annotated[str, msgspec.Meta(max_length=LONGEST_DESCRIPTION)] = ""
    segment: Key | None = None
    account: Account | None = None
    include: Narrowed = {}
    exclude: Narrowed = {}
    reason: Reason = ""


class TemplatePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is null stays; facets or a segment replace all that it targets."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=LONGEST_DESCRIPTION)] | None = None
    segment: Key | None = None
    include: Narrowed = {}
    exclude: Narrowed = {}
    reason: Reason = ""


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Templates that go, all in one call."""

    templates: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=100)]
    reason: Reason = ""


class Because(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason = ""


def _of(call: Call, by: By | None = None) -> Templates:
    return Templates(
        database=call.desk.database,
        settings=call.desk.settings,
        clock=call.desk.clock,
        by=by or call.caller.by(),
        accounts=call.caller.accounts,
    )


async def _list(call: Call) -> TemplateList:
    which: Which = call.query
    urn, _ = targets.account_of(call.desk.settings, which.account)
    _within(call, urn)
    return await _of(call).listed(urn, which.sort, which.order)


def _within(call: Call, account: str) -> None:
    if not call.caller.sees(account):
        raise Absent("there is no such ad account")


async def _show(call: Call) -> TemplateList:
    return await _seen(call, call.part("template"))


async def _seen(call: Call, template: str) -> TemplateList:
    """The template, if it is of an ad account of theirs."""
    found = await _of(call).shown(template)
    if not all(call.caller.sees(one.account) for one in found.templates):
        raise Absent("there is no such template")
    return found


async def _create(call: Call) -> Saved:
    wanted: NewTemplate = call.body
    urn, criteria = await _meant(call, wanted)
    draft = Draft(account=urn, name=wanted.name, description=wanted.description, criteria=criteria)
    return await _of(call, call.caller.by(wanted.reason)).create(draft)


async def _meant(call: Call, wanted: NewTemplate) -> tuple[str, Criteria]:
    include, exclude = narrowed(wanted.include), narrowed(wanted.exclude)
    if wanted.segment is not None:
        await segments.within(call.desk.database, call.caller, wanted.segment)
        whom = await targets.target(call.desk.database, call.desk.settings, wanted.segment)
        return whom.account, whom.criteria(include, exclude)
    urn, _ = targets.account_of(call.desk.settings, wanted.account)
    _within(call, urn)
    return urn, targeting(None, include, exclude)


async def _patch(call: Call) -> Saved:
    wanted: TemplatePatch = call.body
    if call.caller.accounts is not None:
        await _seen(call, call.part("template"))
    include, exclude = narrowed(wanted.include), narrowed(wanted.exclude)
    criteria = targeting(None, include, exclude) if include or exclude else None
    if wanted.segment is not None:
        await segments.within(call.desk.database, call.caller, wanted.segment)
        whom = await targets.target(call.desk.database, call.desk.settings, wanted.segment)
        criteria = whom.criteria(include, exclude)
    change = Change(name=wanted.name, description=wanted.description, criteria=criteria)
    return await _of(call, call.caller.by(wanted.reason)).update(call.part("template"), change)


async def _delete(call: Call) -> Deleted:
    why: Because = call.body
    return await _deleted(call, (call.part("template"),), why.reason)


async def _delete_all(call: Call) -> Deleted:
    wanted: Unwanted = call.body
    return await _deleted(call, tuple(dict.fromkeys(wanted.templates)), wanted.reason)


async def _deleted(call: Call, templates: tuple[str, ...], reason: str) -> Deleted:
    if call.caller.accounts is not None:
        for one in templates:
            await _seen(call, one)
    return await _of(call, call.caller.by(reason)).delete(templates)


_PATH: Final = "/api/v1/templates"
_ONE: Final = _PATH + "/{template:[0-9]{1,18}}"
ROUTES: Final = (
    Route(
        method="GET",
        path=_PATH,
        handler=_list,
        summary="The saved templates of an ad account",
        subject="templates",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        query=Which,
        answer=TemplateList,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=_show,
        summary="One template, as a list of one beside its notices",
        subject="templates",
        role=Role.VIEWER,
        reach=Reach.FILTERED,
        answer=TemplateList,
    ),
    Route(
        method="POST",
        path=_PATH,
        handler=_create,
        summary="Save a template",
        subject="templates",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=NewTemplate,
        answer=Saved,
        status=201,
        starts_work=True,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        handler=_patch,
        summary="Change a template",
        subject="templates",
        role=Role.OPERATOR,
        reach=Reach.FILTERED,
        body=TemplatePatch,
        answer=Saved,
        starts_work=True,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=_delete,
        summary="Delete a template",
        subject="templates",
        role=Role.ADMIN,
        reach=Reach.FILTERED,
        body=Because,
        answer=Deleted,
        starts_work=True,
        paced=True,
    ),
    Route(
        method="POST",
        path=_PATH + "/delete",
        handler=_delete_all,
        summary="Delete templates, several in one call",
        subject="templates",
        role=Role.ADMIN,
        reach=Reach.FILTERED,
        body=Unwanted,
        answer=Deleted,
        starts_work=True,
        paced=True,
    ),
)
