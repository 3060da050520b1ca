"""Tokens at rest: a dump of the database shows none, keys rotate, and a key that is missing is told from a spoiled row."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, bindparam, select, text

from syncd.domain.token import Tokens
from syncd.errors import BadConfiguration
from syncd.store.engine import Database
from syncd.store.schema import metadata
from syncd.store.tables import tokens
from syncd.store.tokens import SealedTokens, key_id

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
PAIR = Tokens(
    access="canary-access", access_ends=1.0, refresh="canary-refresh", refresh_ends=2.0, source="canary-source"
)


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


async def sealed(database: Database) -> bytes:
    async with database.read() as connection:
        return bytes((await connection.execute(select(tokens.c.sealed))).scalar_one())


async def dump(database: Database) -> bytes:
    """Every value of every table, bytes as they are."""
    found = bytearray()
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(select(table)):
                found += b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return bytes(found)


async def test_what_was_saved_is_read_and_a_dump_shows_nothing_of_it(database: Database) -> None:
    vault = SealedTokens(database, "ads", [OLD])
    await vault.save(PAIR)
    assert await vault.read() == PAIR
    dumped = await dump(database)
    assert b"gAAAA" in dumped
    for secret in (b"canary-access", b"canary-refresh", b"canary-source", OLD.encode()):
        assert secret not in dumped
        assert base64.b64encode(secret).rstrip(b"=")[:-1] not in dumped


async def test_every_seal_is_another(database: Database) -> None:
    vault = SealedTokens(database, "ads", [OLD])
    await vault.save(PAIR)
    once = await sealed(database)
    await vault.save(PAIR)
    assert await sealed(database) != once


async def test_a_row_names_its_key_without_giving_it_away(database: Database) -> None:
    await SealedTokens(database, "ads", [NEW, OLD]).save(PAIR)
    name = (await sealed(database)).partition(b".")[0]
    assert name == key_id(NEW)
    assert len(name) == 8
    assert name.decode() not in NEW


async def test_two_keys_are_valid_while_they_rotate(database: Database) -> None:
    before, during, after = (SealedTokens(database, "ads", keys) for keys in ([OLD], [NEW, OLD], [NEW]))
    await before.save(PAIR)
    assert await during.read() == PAIR
    assert not await before.reseal()
    assert await during.reseal()
    assert not await during.reseal()
    assert await after.read() == PAIR
    with pytest.raises(BadConfiguration):
        await before.read()


async def test_a_replica_that_only_knows_the_new_key_second_reads_what_the_first_seals(database: Database) -> None:
    await SealedTokens(database, "ads", [NEW, OLD]).save(PAIR)
    assert await SealedTokens(database, "ads", [OLD, NEW]).read() == PAIR


async def test_resealing_never_overwrites_tokens_stored_meanwhile(database: Database) -> None:
    newer = Tokens(access="canary-newer")
    old = SealedTokens(database, "ads", [OLD])

    class Overtaken(SealedTokens):
        async def _stored(self) -> bytes:
            found = await super()._stored()
            await old.save(newer)
            return found

    await old.save(PAIR)
    assert not await Overtaken(database, "ads", [NEW, OLD]).reseal()
    assert await old.read() == newer


async def test_a_claim_alone_is_no_token_and_nothing_to_seal(database: Database) -> None:
    vault = SealedTokens(database, "ads", [OLD])
    assert await vault.claim(5)
    assert not await vault.claim(5)
    assert await vault.read() is None
    assert not await vault.reseal()


async def test_a_missing_key_is_named_and_nothing_is_changed(database: Database) -> None:
    await SealedTokens(database, "ads", [OLD]).save(PAIR)
    once = await sealed(database)
    wrong = SealedTokens(database, "ads", [OTHER, NEW])
    with pytest.raises(BadConfiguration, match=f"id {key_id(OLD).decode()}") as refused:
        await wrong.read()
    assert OLD not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not await wrong.reseal()
    assert await sealed(database) == once


@pytest.mark.parametrize(
    "spoil",
    [
        lambda box: box[:-8] + b"AAAAAAA=",
        lambda box: box[:40],
        lambda box: box[:8],
        lambda _: b"not.one\nof ours",
    ],
)
async def test_a_spoiled_row_is_refused_and_never_guessed_at(
    database: Database, spoil: Callable[[bytes], bytes]
) -> None:
    vault = SealedTokens(database, "ads", [NEW, OLD])
    await SealedTokens(database, "ads", [OLD]).save(PAIR)
    spoiled = spoil(await sealed(database))
    schema = "syncd." if database.is_postgresql else ""
    statement = text(f"update {schema}tokens set sealed = :box").bindparams(bindparam("box", spoiled, LargeBinary))
    async with database.begin() as connection:
        await connection.execute(statement)
    with pytest.raises(BadConfiguration, match="begin again with its files") as refused:
        await vault.read()
    assert "of ours" not in str(refused.value)
    assert not await vault.reseal()
    assert await sealed(database) == spoiled


async def test_each_member_has_a_row_of_its_own(database: Database) -> None:
    one, other = SealedTokens(database, "ads", [OLD]), SealedTokens(database, "bids", [OLD])
    await one.save(PAIR)
    assert await other.read() is None
    assert await other.claim(5)
