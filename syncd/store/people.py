"""People who sign in to the console, and API tokens for programs. What they know is kept as a hash only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.access import Role
from syncd.store.tables import Moment, at, big_id, epoch, later, metadata, now

people = Table(
    "people",
    metadata,
    big_id(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("accounts", Text),
    Column("password", Text),
    Column("subject", Text, unique=True),
    Column("made_by", Text, nullable=False),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    at("removed_at", nullable=True),
)
"""`accounts` is a JSON list, null where all are theirs; `password` an argon2id hash; `subject` who they are to the identity
provider. Each of the two may be null. Whom a provider still knows stays when they are removed, so that it does not let them
in again.
"""

api_tokens = Table(
    "api_tokens",
    metadata,
    big_id(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("accounts", Text),
    Column("made_by", Text, nullable=False),
    Column("created_at", Moment(), nullable=False, server_default=now()),
    at("ends_at"),
    at("used_at", nullable=True),
    at("revoked_at", nullable=True),
    Column("person_id", BigInteger),
    Index("api_tokens_ends", "ends_at"),
)
"""`prefix` is the part of a token that may be seen; `person_id` who made it, or made what made it, null for the command
line.
"""

_FRESH: Final = 60.0
"""Seconds for which the last use of a token is not written again."""

_PERSON: Final = (
    people.c.id,
    people.c.name,
    people.c.role,
    people.c.accounts,
    people.c.subject,
    people.c.made_by,
    epoch(people.c.created_at).label("created_at"),
    epoch(people.c.removed_at).label("removed_at"),
)


async def every_person(connection: AsyncConnection) -> Sequence[Any]:
    return (await connection.execute(select(*_PERSON).order_by(people.c.name))).all()


async def person(connection: AsyncConnection, name: str) -> Any:
    return (await connection.execute(select(*_PERSON).where(people.c.name == name))).one_or_none()


async def person_of_subject(connection: AsyncConnection, subject: str) -> Any:
    return (await connection.execute(select(*_PERSON).where(people.c.subject == subject))).one_or_none()


async def password_of(connection: AsyncConnection, name: str) -> Any:
    """Id and hash of the password; None where nobody has that name."""
    statement = select(people.c.id, people.c.password).where(people.c.name == name, people.c.removed_at.is_(None))
    return (await connection.execute(statement)).one_or_none()


async def add_person(  # noqa: PLR0913 - the columns
    connection: AsyncConnection,
    *,
    name: str,
    role: Role,
    accounts: str | None,
    password: str | None,
    made_by: str,
    subject: str | None = None,
) -> int:
    values = {
        "name": name,
        "role": role.value,
        "accounts": accounts,
        "password": password,
        "made_by": made_by,
        "subject": subject,
    }
    made = await connection.execute(insert(people).values(values).returning(people.c.id))
    return int(made.scalar_one())


async def change_person(connection: AsyncConnection, number: int, **values: object) -> None:
    await connection.execute(update(people).where(people.c.id == number).values(**values))


async def remove_person(connection: AsyncConnection, number: int) -> None:
    """Whom an identity provider knows is barred, everybody else is forgotten."""
    one = people.c.id == number
    await connection.execute(delete(people).where(one, people.c.subject.is_(None)))
    await connection.execute(update(people).where(one).values(removed_at=now(), password=None))


async def admins(connection: AsyncConnection, besides: int | None = None) -> int:
    """How many people may do everything, everywhere. They stay it until the transaction ends."""
    p = people.c
    found = select(p.id).where(p.role == Role.ADMIN.value, p.accounts.is_(None), p.removed_at.is_(None))
    return sum(row.id != besides for row in await connection.execute(found.order_by(p.id).with_for_update()))


def _is_good() -> ColumnElement[bool]:
    return and_(api_tokens.c.revoked_at.is_(None), api_tokens.c.ends_at > now())


_TOKEN: Final = (
    api_tokens.c.id,
    api_tokens.c.name,
    api_tokens.c.prefix,
    api_tokens.c.role,
    api_tokens.c.accounts,
    api_tokens.c.made_by,
    api_tokens.c.person_id,
    epoch(api_tokens.c.created_at).label("created_at"),
    epoch(api_tokens.c.ends_at).label("ends_at"),
    epoch(api_tokens.c.used_at).label("used_at"),
    epoch(api_tokens.c.revoked_at).label("revoked_at"),
)


async def every_token(connection: AsyncConnection) -> Sequence[Any]:
    """The newest first."""
    good = _is_good().label("good")
    return (await connection.execute(select(*_TOKEN, good).order_by(api_tokens.c.id.desc()))).all()


async def token(connection: AsyncConnection, number: int) -> Any:
    statement = select(*_TOKEN, _is_good().label("good")).where(api_tokens.c.id == number)
    return (await connection.execute(statement)).one_or_none()


async def good_token(connection: AsyncConnection, prefix: str) -> Any:
    """The token with that prefix and its digest, unless it has ended or was revoked; whether its use is worth a note."""
    stale = or_(api_tokens.c.used_at.is_(None), api_tokens.c.used_at < later(-_FRESH)).label("stale")
    statement = select(*_TOKEN, api_tokens.c.digest, stale).where(api_tokens.c.prefix == prefix, _is_good())
    return (await connection.execute(statement)).one_or_none()


async def good_tokens_of(connection: AsyncConnection, person: int) -> Sequence[Any]:
    statement = select(*_TOKEN).where(api_tokens.c.person_id == person, _is_good())
    return (await connection.execute(statement)).all()


async def note_use(connection: AsyncConnection, number: int) -> None:
    await connection.execute(update(api_tokens).where(api_tokens.c.id == number).values(used_at=now()))


async def add_token(  # noqa: PLR0913 - the columns
    connection: AsyncConnection,
    *,
    name: str,
    prefix: str,
    digest: bytes,
    role: Role,
    accounts: str | None,
    made_by: str,
    person: int | None,
    seconds: float,
) -> int:
    made = insert(api_tokens).values(
        name=name,
        prefix=prefix,
        digest=digest,
        role=role.value,
        accounts=accounts,
        made_by=made_by,
        person_id=person,
        ends_at=later(seconds),
    )
    return int((await connection.execute(made.returning(api_tokens.c.id))).scalar_one())


async def revoke(connection: AsyncConnection, number: int) -> None:
    revoked = update(api_tokens).where(api_tokens.c.id == number, api_tokens.c.revoked_at.is_(None))
    await connection.execute(revoked.values(revoked_at=now()))
