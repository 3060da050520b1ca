"""People who sign in, and tokens for programs. A token is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from syncd.admin.api.wire import Account, Reason
from syncd.admin.routes import Call, Handler, Reach, Route
from syncd.domain.access import Role
from syncd.errors import Clashing
from syncd.operations import people
from syncd.operations.passwords import LONGEST, SHORTEST
from syncd.operations.people import (
    LONGEST_DAYS,
    Change,
    MadeToken,
    NewPerson,
    NewToken,
    PersonReport,
    TokenReport,
    checked_accounts,
)

Password = Annotated[str, msgspec.Meta(min_length=SHORTEST, max_length=LONGEST)]
Accounts = Annotated[list[Account], msgspec.Meta(min_length=1, max_length=100)]


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts` limits them to some ad accounts; left out, they see all."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
    role: Role
    password: Password
    accounts: Accounts | None = None
    reason: Reason = ""

    def __repr__(self) -> str:
        return "Person(…)"


class PersonPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; `accounts` null lifts the limit to some. They are signed out. A role lets in again who was
    removed.
    """

    role: Role | None = None
    accounts: Accounts | msgspec.UnsetType | None = msgspec.UNSET
    password: Password | None = None
    reason: Reason = ""

    def __repr__(self) -> str:
        return "PersonPatch(…)"


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    role: Role
    days: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DAYS)] = 90
    accounts: Accounts | None = None
    reason: Reason = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confirm` is the name of the person or of the token once more, typed by whoever means it."""

    confirm: Annotated[str, msgspec.Meta(max_length=64)]
    reason: Reason = ""


class People(msgspec.Struct, frozen=True, kw_only=True):
    items: list[PersonReport]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    items: list[TokenReport]


async def _list(call: Call) -> People:
    return People(items=await people.listed(call.desk.database))


async def _add(call: Call) -> PersonReport:
    wanted: Person = call.body
    made = NewPerson(
        name=wanted.name, role=wanted.role, password=wanted.password, accounts=checked_accounts(wanted.accounts)
    )
    by = call.caller.by(wanted.reason)
    return await people.add(call.desk.database, call.desk.reception.passwords, made, by)


async def _change(call: Call) -> PersonReport:
    wanted: PersonPatch = call.body
    accounts = wanted.accounts
    change = Change(
        role=wanted.role,
        accounts=checked_accounts(accounts) if isinstance(accounts, list) else None,
        all_accounts=accounts is None,
        password=wanted.password,
    )
    by = call.caller.by(wanted.reason)
    return await people.change(call.desk.database, call.desk.reception.passwords, call.part("name"), change, by)


async def _remove(call: Call) -> None:
    wanted: Confirmed = call.body
    name = call.part("name")
    if wanted.confirm != name:
        raise Clashing("confirm is not the person's name: nothing was done")
    await people.remove(call.desk.database, name, call.caller.by(wanted.reason))


async def _tokens(call: Call) -> Tokens:
    return Tokens(items=await people.tokens(call.desk.database))


async def _add_token(call: Call) -> MadeToken:
    wanted: Token = call.body
    made = NewToken(name=wanted.name, role=wanted.role, days=wanted.days, accounts=checked_accounts(wanted.accounts))
    return await people.add_token(call.desk.database, made, call.caller.by(wanted.reason))


async def _revoke(call: Call) -> TokenReport:
    wanted: Confirmed = call.body
    by = call.caller.by(wanted.reason)
    return await people.revoke(call.desk.database, call.number("number"), by, confirm=wanted.confirm)


def _route(method: str, path: str, handler: Handler, summary: str, **more: Any) -> Route:
    acts = method != "GET"
    return Route(
        method=method,
        path=f"/api/v1/{path}",
        handler=handler,
        summary=summary,
        subject="access",
        role=Role.ADMIN,
        reach=Reach.EVERYWHERE,
        starts_work=acts,
        paced=acts,
        **more,
    )


ROUTES: Final = (
    _route("GET", "people", _list, "Who may sign in", answer=People),
    _route("POST", "people", _add, "Let somebody in", body=Person, answer=PersonReport, status=201),
    _route("PATCH", "people/{name}", _change, "Change what somebody may", body=PersonPatch, answer=PersonReport),
    _route("DELETE", "people/{name}", _remove, "Let somebody in no more", body=Confirmed, status=204),
    _route("GET", "tokens", _tokens, "Tokens of programs, without what makes them tokens", answer=Tokens),
    _route(
        "POST",
        "tokens",
        _add_token,
        "Make a token, shown this once",
        body=Token,
        answer=MadeToken,
        status=201,
        shown_once=True,
    ),
    _route(
        "DELETE",
        "tokens/{number:[0-9]{1,18}}",
        _revoke,
        "Refuse a token from now on",
        body=Confirmed,
        answer=TokenReport,
    ),
)
