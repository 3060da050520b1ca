"""OAuth tokens at rest: sealed with the first of the secret keys, readable with any of them.

A member's line is also the right to refresh: it is claimed for some seconds in one short transaction, so that of all
replicas and commands exactly one asks LinkedIn, and no transaction is open while it does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.domain.token import Tokens
from syncd.errors import BadConfiguration
from syncd.store.engine import Database
from syncd.store.tables import later, now, tokens


class SealedTokens:
    """The tokens of one member in the database. Refuses with BadConfiguration when no key opens them."""

    def __init__(self, database: Database, member: str, secret_keys: Sequence[str]) -> None:
        self._database = database
        self._member = member
        self._seal = MultiFernet([Fernet(key) for key in secret_keys])

    async def read(self) -> Tokens | None:
        async with self._database.read() as connection:
            sealed = (
                await connection.execute(select(tokens.c.sealed).where(tokens.c.member == self._member))
            ).scalar_one_or_none()
        if not sealed:
            return None
        try:
            opened = self._seal.decrypt(bytes(sealed))
        except InvalidToken:
            raise BadConfiguration(
                f"none of secret_keys (SYNCD_SECRET_KEYS) opens the stored tokens of member {self._member}: "
                "add the key they were sealed with"
            ) from None
        return Tokens(**msgspec.json.decode(opened))

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
        sealed = self._seal.encrypt(msgspec.json.encode(_plain(fresh)))

        async def work(connection: AsyncConnection) -> None:
            dialect = postgresql if self._database.is_postgresql else sqlite
            made = dialect.insert(tokens).values(member=self._member, sealed=sealed, saved_at=now(), claimed_until=None)
            values = {"sealed": sealed, "saved_at": now(), "claimed_until": None}
            await connection.execute(made.on_conflict_do_update(index_elements=["member"], set_=values))

        await self._database.transact(work)


def _plain(fresh: Tokens) -> dict[str, object]:
    return {
        "access": fresh.access,
        "access_ends": fresh.access_ends,
        "refresh": fresh.refresh,
        "refresh_ends": fresh.refresh_ends,
        "source": fresh.source,
    }
