"""People, tokens, and the audit of what they did."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from syncd.admin.console import frame
from syncd.admin.routes import Call, Handler, Reach, Route
from syncd.domain.access import Role
from syncd.errors import SyncdError
from syncd.operations import audit, people
from syncd.operations.audit import Filter
from syncd.operations.paging import Slice
from syncd.operations.people import Change, MadeToken, NewPerson, NewToken


class Add(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    password: str = ""
    role: Role = Role.VIEWER
    accounts: str = ""
    csrf: str = ""


class AddToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    role: Role = Role.VIEWER
    days: int = 90
    accounts: str = ""
    csrf: str = ""


class NewRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Role
    csrf: str = ""


class Sure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confirm` is the name of whom or what it is about, typed."""

    confirm: str = ""
    csrf: str = ""


class Audited(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    actor: str = ""
    action: str = ""
    target: str = ""
    cursor: str | None = None


def _accounts(text: str) -> frozenset[str] | None:
    named = [one.strip() for one in text.split(",") if one.strip()]
    return people.checked_accounts(named or None)


async def _page(call: Call) -> web.Response:
    return await _shown(call, said=frame.said(call))


async def _shown(call: Call, *, made: MadeToken | None = None, problem: str = "", said: str = "") -> web.Response:
    return frame.page(
        call,
        "access.html",
        title="People and tokens",
        here="access",
        status=422 if problem else 200,
        people=await people.listed(call.desk.database),
        tokens=await people.tokens(call.desk.database),
        made=made,
        problem=problem,
        said=said,
    )


async def _add(call: Call) -> web.Response:
    given: Add = call.body
    try:
        wanted = NewPerson(
            name=given.name, role=given.role, password=given.password, accounts=_accounts(given.accounts)
        )
        await people.add(call.desk.database, call.desk.reception.passwords, wanted, call.caller.by())
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    return frame.see("/access", "person")


async def _change(call: Call) -> web.Response:
    wanted = Change(role=call.body.role)
    try:
        await people.change(
            call.desk.database, call.desk.reception.passwords, call.part("name"), wanted, call.caller.by()
        )
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    return frame.see("/access", "person")


async def _remove(call: Call) -> web.Response:
    if call.body.confirm != call.part("name"):
        return await _shown(call, problem="nothing was done: type the name of whom you remove")
    try:
        await people.remove(call.desk.database, call.part("name"), call.caller.by())
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    return frame.see("/access", "person")


async def _add_token(call: Call) -> web.Response:
    """The one page that shows a secret, in the answer to the form and nowhere else."""
    given: AddToken = call.body
    try:
        wanted = NewToken(name=given.name, role=given.role, days=given.days, accounts=_accounts(given.accounts))
        made = await people.add_token(call.desk.database, wanted, call.caller.by())
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    return await _shown(call, made=made)


async def _revoke(call: Call) -> web.Response:
    try:
        await people.revoke(call.desk.database, call.number("number"), call.caller.by(), confirm=call.body.confirm)
    except SyncdError as refused:
        return await _shown(call, problem=str(refused))
    return frame.see("/access", "revoked")


async def _audit(call: Call) -> web.Response:
    given: Audited = call.query
    which = Filter(actor=given.actor or None, action=given.action or None, target=given.target or None)
    found = await audit.listed(call.desk.database, call.caller, which, Slice(cursor=given.cursor))
    kept = {"actor": given.actor, "action": given.action, "target": given.target, "cursor": found.next_cursor}
    older = urlencode({name: value for name, value in kept.items() if value})
    return frame.page(
        call,
        "audit.html",
        title="Audit",
        here="audit",
        which=which,
        found=found.items,
        older=f"/audit?{older}" if found.next_cursor else "",
    )


_NUMBER: Final = "{number:[0-9]{1,18}}"
_ADMIN: Final = Role.ADMIN


def _act(path: str, handler: Handler, summary: str, body: type) -> Route:
    return frame.posted(path, handler, summary, Reach.EVERYWHERE, role=_ADMIN, body=body, paced=True)


ROUTES: Final = (
    frame.got("/access", _page, "People and tokens", Reach.EVERYWHERE, role=_ADMIN),
    _act("/access/people", _add, "Add a person", Add),
    _act("/access/people/{name}", _change, "Change a person", NewRole),
    _act("/access/people/{name}/remove", _remove, "Remove a person", Sure),
    _act("/access/tokens", _add_token, "Make a token", AddToken),
    _act(f"/access/tokens/{_NUMBER}/revoke", _revoke, "Revoke a token", Sure),
    frame.got("/audit", _audit, "The audit", Reach.FILTERED, role=Role.OPERATOR, query=Audited),
)
