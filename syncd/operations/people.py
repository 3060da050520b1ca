"""People and tokens: who is let in, with which role, to which ad accounts.

Whoever loses a role or an account is signed out at once, and no token that they made may do more than they may. There is
always one admin of everything left.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import DAEMON, By, Role
from syncd.errors import Absent, Clashing, Rejected
from syncd.operations import access, audit
from syncd.operations.access import accounts_of, stored_accounts
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.passwords import Passwords
from syncd.settings import Settings
from syncd.store import people as rows
from syncd.store import sessions
from syncd.store.engine import Database

FIRST: Final = "admin"
"""The name of the admin that the environment's secret makes."""
LONGEST_DAYS: Final = 366
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_TOKEN_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_ACCOUNT: Final = re.compile(r"urn:li:sponsoredAccount:[0-9]{1,18}")
_SECONDS_A_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReport:
    """`accounts` is None where all are theirs; `signs_in_elsewhere` says that an identity provider knows them, and then they
    are listed, and kept out, after they were removed.
    """

    name: str
    role: Role
    accounts: list[str] | None
    signs_in_elsewhere: bool
    made_by: str
    created_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """A token without what makes it one; `prefix` is how it begins."""

    id: int
    name: str
    prefix: str
    role: Role
    accounts: list[str] | None
    good: bool
    made_by: str
    created_at: datetime | None
    ends_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A new token: the only time that it is shown."""

    token: str = field(repr=False)
    report: TokenReport


def checked_accounts(accounts: list[str] | None) -> frozenset[str] | None:
    """Raises Rejected for what is no ad account, or for none at all."""
    if accounts is None:
        return None
    if not accounts or len(accounts) > 100:
        raise Rejected("name 1 to 100 ad accounts, or none of them for all")
    for one in accounts:
        if not _ACCOUNT.fullmatch(one):
            raise Rejected("an ad account looks like urn:li:sponsoredAccount:123456")
    return frozenset(accounts)


async def listed(database: Database) -> list[PersonReport]:
    async with database.read() as connection:
        return [report(row) for row in await rows.every_person(connection)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    name: str
    role: Role
    password: str = field(repr=False)
    accounts: frozenset[str] | None = None


async def add(database: Database, passwords: Passwords, wanted: NewPerson, by: By) -> PersonReport:
    name = wanted.name.strip().lower()
    if not NAME.fullmatch(name):
        raise Rejected("a name has 1 to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or a digit")
    hashed = await passwords.hashed(wanted.password)

    async def work(connection: AsyncConnection) -> PersonReport:
        if (found := await rows.person(connection, name)) is not None:
            how = "" if found.removed_at is None else ", who was removed: give them a role, and they are let in again"
            raise Clashing(f"there is a person {name} already{how}")
        await rows.add_person(
            connection,
            name=name,
            role=wanted.role,
            accounts=stored_accounts(wanted.accounts),
            password=hashed,
            made_by=by.name,
        )
        made = report(await rows.person(connection, name))
        await audit.record(connection, by, Deed(action="person.add", target=name, after=shown(made)))
        return made

    return await database.transact(work)


async def remove(database: Database, name: str, by: By) -> None:
    """They are signed out at once, and the tokens that they made are revoked. Whom an identity provider knows is kept out
    until `change` gives them a role.
    """

    async def work(connection: AsyncConnection) -> None:
        row = await _found(connection, name)
        if row.removed_at is not None:
            raise Absent(f"{row.name} was removed already")
        await rows.remove_person(connection, row.id)
        after = await shut_out(connection, row.id)
        await _somebody_is_left(connection, row)
        deed = Deed(action="person.remove", target=row.name, before=shown(report(row)), after=after)
        await audit.record(connection, by, deed)

    await database.transact(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to change; None leaves it. `all_accounts` lifts the limit to some. A role lets in again who was removed."""

    role: Role | None = None
    accounts: frozenset[str] | None = None
    all_accounts: bool = False
    password: str | None = field(default=None, repr=False)


async def change(database: Database, passwords: Passwords, name: str, wanted: Change, by: By) -> PersonReport:
    """They are signed out, and sign in again with what they may do now."""
    values: dict[str, object] = {}
    if wanted.role is not None:
        values |= {"role": wanted.role.value, "removed_at": None}
    if wanted.accounts is not None or wanted.all_accounts:
        values["accounts"] = stored_accounts(None if wanted.all_accounts else wanted.accounts)
    if wanted.password is not None:
        values["password"] = await passwords.hashed(wanted.password)
    if not values:
        raise Rejected("say what is to change: role, accounts or password")

    async def work(connection: AsyncConnection) -> PersonReport:
        row = await _found(connection, name)
        if row.removed_at is not None and wanted.role is None:
            raise Clashing(f"{row.name} was removed: give them a role, and they are let in again")
        if row.subject is not None and wanted.password is not None:
            raise Clashing(f"{row.name} signs in at the identity provider, which keeps the password")
        await rows.change_person(connection, row.id, **values)
        made = report(await rows.person(connection, row.name))
        after = shown(made) | ({"password": "new"} if wanted.password is not None else {})
        after |= await shut_out(connection, row.id, made)
        await _somebody_is_left(connection, row)
        deed = Deed(action="person.change", target=row.name, before=shown(report(row)), after=after)
        await audit.record(connection, by, deed)
        return made

    return await database.transact(work)


async def _found(connection: AsyncConnection, name: str) -> Any:
    row = await rows.person(connection, name.strip().lower())
    if row is None:
        raise Absent("there is no person of that name")
    return row


async def _somebody_is_left(connection: AsyncConnection, row: Any) -> None:
    was_one = row.role == Role.ADMIN and row.accounts is None
    if was_one and not await rows.admins(connection):
        raise Clashing("that is the last admin of all accounts: make another one first")


async def shut_out(connection: AsyncConnection, number: int, now: PersonReport | None = None) -> dict[str, object]:
    """Ends their sessions, and revokes the tokens of theirs that may do more than they may now (None: nothing)."""
    await sessions.end_all(connection, number)
    gone = 0
    for token in await rows.good_tokens_of(connection, number):
        if now is None or not _reaches(now, token):
            await rows.revoke(connection, token.id)
            gone += 1
    return {"tokens_revoked": gone} if gone else {}


def _reaches(person: PersonReport, token: Any) -> bool:
    accounts = accounts_of(token.accounts)
    all_theirs = person.accounts is None or (accounts is not None and accounts <= set(person.accounts))
    return person.role.covers(Role(token.role)) and all_theirs


async def first_admin(database: Database, settings: Settings) -> bool:
    """Makes the first admin from the environment's secret, where there is nobody yet; whether it did."""
    secret = settings.http.first_admin_password
    if secret is None:
        return False
    async with database.read() as connection:
        if any(row.removed_at is None for row in await rows.every_person(connection)):
            return False
    wanted = NewPerson(name=FIRST, role=Role.ADMIN, password=secret.get_secret_value())
    try:
        await add(database, Passwords(), wanted, DAEMON)
    except Clashing:
        return False  # another replica was faster
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    name: str
    role: Role
    days: int = 90
    accounts: frozenset[str] | None = None


async def tokens(database: Database) -> list[TokenReport]:
    """The newest first."""
    async with database.read() as connection:
        return [_token(row) for row in await rows.every_token(connection)]


async def add_token(database: Database, wanted: NewToken, by: By) -> MadeToken:
    """What comes back is shown once; the database holds its digest only."""
    if not _TOKEN_NAME.fullmatch(wanted.name.strip()):
        raise Rejected("a token's name has 1 to 64 characters, like the program that uses it")
    if not 1 <= wanted.days <= LONGEST_DAYS:
        raise Rejected(f"a token lives 1 to {LONGEST_DAYS} days")
    prefix = secrets.token_hex(access.PREFIX // 2)
    token = f"{access.TOKEN}_{prefix}_{secrets.token_urlsafe(32)}"

    async def work(connection: AsyncConnection) -> TokenReport:
        number = await rows.add_token(
            connection,
            name=wanted.name.strip(),
            prefix=prefix,
            digest=access.digest(token),
            role=wanted.role,
            accounts=stored_accounts(wanted.accounts),
            made_by=by.name,
            person=await _person_behind(connection, by),
            seconds=wanted.days * _SECONDS_A_DAY,
        )
        made = _token(await rows.token(connection, number))
        after = {"role": made.role, "accounts": made.accounts, "days": wanted.days, "prefix": prefix}
        await audit.record(connection, by, Deed(action="token.add", target=made.name, after=after))
        return made

    return MadeToken(token=token, report=await database.transact(work))


async def _person_behind(connection: AsyncConnection, by: By) -> int | None:
    """Who acts, or who made the token that does; None for the command line and its tokens."""
    kind, _, number = by.id.partition(":")
    if kind == "person":
        return int(number)
    row = await rows.token(connection, int(number)) if kind == "token" else None
    return row.person_id if row is not None else None


async def revoke(database: Database, number: int, by: By, *, confirm: str | None = None) -> TokenReport:
    """It is refused from the next request on. `confirm` is its name, where that had to be typed."""

    async def work(connection: AsyncConnection) -> TokenReport:
        row = await rows.token(connection, number)
        if row is None:
            raise Absent("there is no token of that number")
        if confirm not in (None, row.name):
            raise Clashing("confirm is not the token's name: nothing was done")
        await rows.revoke(connection, number)
        if row.revoked_at is None:
            deed = Deed(action="token.revoke", target=row.name, before={"prefix": row.prefix, "role": row.role})
            await audit.record(connection, by, deed)
        return _token(await rows.token(connection, number))

    return await database.transact(work)


def _listed_accounts(stored: str | None) -> list[str] | None:
    accounts = accounts_of(stored)
    return None if accounts is None else sorted(accounts)


def report(row: Any) -> PersonReport:
    return PersonReport(
        name=row.name,
        role=Role(row.role),
        accounts=_listed_accounts(row.accounts),
        signs_in_elsewhere=row.subject is not None,
        made_by=row.made_by,
        created_at=moment(row.created_at),
        removed_at=moment(row.removed_at),
    )


def shown(report: PersonReport) -> dict[str, object]:
    return {"role": report.role, "accounts": report.accounts}


def _token(row: Any) -> TokenReport:
    return TokenReport(
        id=row.id,
        name=row.name,
        prefix=f"{access.TOKEN}_{row.prefix}",
        role=Role(row.role),
        accounts=_listed_accounts(row.accounts),
        good=bool(row.good),
        made_by=row.made_by,
        created_at=moment(row.created_at),
        ends_at=moment(row.ends_at),
        used_at=moment(row.used_at),
        revoked_at=moment(row.revoked_at),
    )
