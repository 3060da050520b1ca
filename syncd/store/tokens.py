"""OAuth tokens at rest: sealed with the first of the secret keys, readable with any of them.

What is stored begins with the id of its key, so that a missing key is told from a spoiled row, and a person can see
which rows still need an old key (`reseal` leaves none of ours).

A member's line is also the right to refresh: it is claimed for some seconds in one short transaction, so that of all
replicas and commands exactly one asks LinkedIn, and no transaction is open while it does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.token import Tokens
from syncd.errors import BadConfiguration
from syncd.store.engine import Database
from syncd.store.tables import later, now, tokens

_ID: Final = re.compile(rb"[0-9a-f]{8}")
_BETWEEN: Final = b"."  # no character of base64


def key_id(secret_key: str) -> bytes:
    """What a key is called in public: eight hex digits of its digest."""
    return sha256(secret_key.encode()).hexdigest()[:8].encode()


class SealedTokens:
    """The tokens of one member in the database. Refuses with BadConfiguration when no key opens them."""

    def __init__(self, database: Database, member: str, secret_keys: Sequence[str]) -> None:
        self._database = database
        self._member = member
        self._keys = {key_id(key): Fernet(key) for key in secret_keys}
        self._first = key_id(secret_keys[0])

    async def read(self) -> Tokens | None:
        sealed = await self._stored()
        return Tokens(**msgspec.json.decode(self._opened(sealed))) if sealed else None

    async def reseal(self) -> bool:
        """Seals with the first key what another of them sealed, unless new tokens are stored meanwhile; whether it did.
        What none of them opens stays as it is.
        """
        sealed = await self._stored()
        name = sealed.partition(_BETWEEN)[0]
        if name == self._first or not sealed:
            return False
        try:
            fresh = self._sealed(self._opened(sealed))
        except BadConfiguration:
            return False
        ours = (tokens.c.member == self._member) & (tokens.c.sealed == sealed)
        async with self._database.begin() as connection:
            return bool((await connection.execute(update(tokens).where(ours).values(sealed=fresh))).rowcount)

    async def _stored(self) -> bytes:
        async with self._database.read() as connection:
            found = await connection.execute(select(tokens.c.sealed).where(tokens.c.member == self._member))
            return bytes(found.scalar_one_or_none() or b"")

    def _sealed(self, plain: bytes) -> bytes:
        return self._first + _BETWEEN + self._keys[self._first].encrypt(plain)

    def _opened(self, sealed: bytes) -> bytes:
        name, _, box = sealed.partition(_BETWEEN)
        key = self._keys.get(name)
        if key is None:
            raise BadConfiguration(
                f"none of secret_keys (SYNCD_SECRET_KEYS) opens the stored tokens of member {self._member}: "
                f"add the key they were sealed with ({_shown(name)}), "
                "or delete the member's row in the table tokens to begin again with its files"
            )
        try:
            return key.decrypt(box)
        except InvalidToken:
            raise BadConfiguration(
                f"the stored tokens of member {self._member} are spoiled: "
                "delete the member's row in the table tokens to begin again with its files"
            ) from None

    async def claim(self, seconds: float) -> bool:
        """Whether this process may refresh now; the claim ends by itself after some seconds."""
        async with self._database.begin() as connection:
            dialect = postgresql if self._database.is_postgresql else sqlite
            made = (
                dialect.insert(tokens).values(member=self._member, sealed=b"", saved_at=now()).on_conflict_do_nothing()
            )
            await connection.execute(made)
            claimed = await connection.execute(
                update(tokens)
                .where(
                    tokens.c.member == self._member,
                    or_(tokens.c.claimed_until.is_(None), tokens.c.claimed_until < now()),
                )
                .values(claimed_until=later(seconds))
            )
            return bool(claimed.rowcount)

    async def save(self, fresh: Tokens) -> None:
        """Stores new tokens before anybody uses them, and ends the claim."""
        sealed = self._sealed(msgspec.json.encode(_plain(fresh)))

        async def work(connection: AsyncConnection) -> None:
            dialect = postgresql if self._database.is_postgresql else sqlite
            made = dialect.insert(tokens).values(member=self._member, sealed=sealed, saved_at=now(), claimed_until=None)
            values = {"sealed": sealed, "saved_at": now(), "claimed_until": None}
            await connection.execute(made.on_conflict_do_update(index_elements=["member"], set_=values))

        await self._database.transact(work)


def _shown(name: bytes) -> str:
    """The id of a key as it stands in a row, if it looks like one."""
    return f"id {name.decode()}" if _ID.fullmatch(name) else "of unknown id"


def _plain(fresh: Tokens) -> dict[str, object]:
    return {
        "access": fresh.access,
        "access_ends": fresh.access_ends,
        "refresh": fresh.refresh,
        "refresh_ends": fresh.refresh_ends,
        "source": fresh.source,
    }
