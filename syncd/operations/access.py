"""Who is at the door: signing in and out, and what a token or a session stands for.

Whatever a browser or a program holds is 256 random bits, stored as a digest; what ends is decided by the database's clock.
A wrong name, a wrong password and a person without one look and last the same.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import By, Door, Person, Role
from syncd.errors import Denied
from syncd.operations import audit
from syncd.operations.audit import Deed
from syncd.operations.pace import Wait
from syncd.operations.passwords import Guesses, Passwords
from syncd.store import people, sessions
from syncd.store.engine import Database

TOKEN: Final = "syncd"  # noqa: S105 - what every token begins with
PREFIX: Final = 8
_LONGEST: Final = 128


class WrongPassword(Denied):
    """The name, the password, or both."""

    def __init__(self) -> None:
        super().__init__("name or password is wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in, and the secret only their browser has."""

    person: Person
    secret: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """What every form of theirs carries; it tells nothing of the secret it is made from."""
        return sha256(b"csrf:" + self.secret.encode()).hexdigest()


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def accounts_of(stored: str | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(msgspec.json.decode(stored, type=list[str]))


def stored_accounts(accounts: frozenset[str] | None) -> str | None:
    return None if accounts is None else msgspec.json.encode(sorted(accounts)).decode()


async def of_token(database: Database, given: str) -> Person | None:
    """Whose token it is; None for one that is wrong, ended or revoked."""
    parts = given.split("_")
    if len(given) > _LONGEST or not given.isascii() or len(parts) < 3 or parts[0] != TOKEN:
        return None
    async with database.read() as connection:
        row = await people.good_token(connection, parts[1])
    if row is None or not compare_digest(bytes(row.digest), digest(given)):
        return None
    if row.stale:
        await database.transact(lambda connection: people.note_use(connection, row.id))
    return _person(row, Door.TOKEN)


async def of_session(database: Database, secret: str, *, prolongs: bool = True) -> Session | None:
    """Whose session it is. What a page asks by itself does not prolong it."""
    if len(secret) > _LONGEST or not secret.isascii():
        return None
    async with database.read() as connection:
        row = await sessions.find(connection, digest(secret))
    if row is None:
        return None
    if row.stale and prolongs:
        await database.transact(lambda connection: sessions.prolong(connection, digest(secret)))
    return Session(person=_person(row, Door.CONSOLE), secret=secret)


def _person(row: Any, door: Door) -> Person:
    kind = "token" if door is Door.TOKEN else "person"
    return Person(
        id=f"{kind}:{row.id}", name=row.name, role=Role(row.role), door=door, accounts=accounts_of(row.accounts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try to sign in: from where, and with which session before, which ends in any case."""

    name: str
    password: str = field(repr=False)
    address: str
    before: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Lets people in by their passwords."""

    passwords: Passwords
    guesses: Guesses

    async def sign_in(self, database: Database, attempt: Attempt) -> Session:
        """A new session, never one that was there before. Raises Wait or WrongPassword."""
        return await begin(database, await self._recognise(database, attempt), attempt.before)

    async def _recognise(self, database: Database, attempt: Attempt) -> int:
        """The number of whoever has that name and password."""
        name = attempt.name.strip().lower()
        if seconds := self.guesses.wait(name, attempt.address):
            raise Wait(seconds)
        self.guesses.note(name, attempt.address)
        async with database.read() as connection:
            row = await people.password_of(connection, name)
        try:
            right = await self.passwords.verified(row.password if row is not None else None, attempt.password)
        except Wait:
            self.guesses.take_back(name, attempt.address)  # nobody has looked at it
            raise
        if not right or row is None:
            raise WrongPassword
        self.guesses.forgive(name, attempt.address)
        return int(row.id)

    async def change_password(self, database: Database, attempt: Attempt, new: str) -> Session:
        """Another password for whoever knows the one they have. All their sessions end, and a new one begins."""
        number = await self._recognise(database, attempt)
        hashed = await self.passwords.hashed(new)
        name = attempt.name.strip().lower()

        async def work(connection: AsyncConnection) -> None:
            await people.change_person(connection, number, password=hashed)
            await sessions.end_all(connection, number)
            deed = Deed(action="person.change", target=name, after={"password": "new"})
            await audit.record(connection, By(name=name, door=Door.CONSOLE), deed)

        await database.transact(work)
        return await begin(database, number, attempt.before)


async def begin(database: Database, person: int, before: str | None) -> Session:
    """A new session for a person who has shown who they are."""
    secret = secrets.token_urlsafe(32)

    async def work(connection: AsyncConnection) -> Any:
        if before:
            await sessions.end(connection, digest(before))
        await sessions.prune(connection)
        await sessions.begin(connection, digest(secret), person)
        row = await sessions.find(connection, digest(secret))
        if row is None:
            raise WrongPassword  # removed while signing in
        await audit.record(connection, By(name=row.name, door=Door.CONSOLE), Deed(action="sign-in", target=row.name))
        return row

    return Session(person=_person(await database.transact(work), Door.CONSOLE), secret=secret)


async def sign_out(database: Database, session: Session) -> None:
    async def work(connection: AsyncConnection) -> None:
        if await sessions.end(connection, digest(session.secret)):
            name = session.person.name
            await audit.record(connection, session.person.by(), Deed(action="sign-out", target=name))

    await database.transact(work)
