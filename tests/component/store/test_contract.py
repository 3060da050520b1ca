"""The contract with the CRM on PostgreSQL: enqueue, the example trigger, the roles. And the schema itself."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from syncd.errors import Fatal
from syncd.store import migrate
from syncd.store.engine import Database
from syncd.store.schema import metadata
from tests.conftest import fresh_database
from tests.postgres import PostgresServer

SQL = Path(__file__).parents[3] / "migrations" / "sql"


@pytest.fixture
def url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as found:
        yield found.replace("postgresql+asyncpg://", "postgresql://")


@pytest.fixture
async def pool(url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(url, min_size=1, max_size=8) as found:
        yield found


async def rows(pool: asyncpg.Pool) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await pool.fetch("select * from syncd.outbox order by id")
    return found


async def test_enqueue_returns_the_id_it_drew(pool: asyncpg.Pool) -> None:
    number = await pool.fetchval("select syncd.enqueue('s', 'ADD', '{\"email\": \"a@example.com\"}', 'c1')")
    (row,) = await rows(pool)
    assert (row["id"], row["segment_key"], row["action"], row["subject_id"]) == (number, "s", "ADD", "c1")


async def test_enqueue_many_keeps_the_order_of_its_rows(pool: asyncpg.Pool) -> None:
    many = [{"segment_key": "s", "action": "ADD", "payload": {"email": f"p{n}@example.com"}} for n in range(500)]
    assert await pool.fetchval("select syncd.enqueue_many($1)", json.dumps(many)) == 500
    assert [json.loads(row["payload"])["email"] for row in await rows(pool)] == [
        f"p{n}@example.com" for n in range(500)
    ]


async def test_enqueue_many_refuses_what_is_not_an_array(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="takes a JSON array"):
        await pool.fetchval("select syncd.enqueue_many('{}')")


async def test_a_hash_and_its_address_take_the_same_lock(pool: asyncpg.Pool) -> None:
    hashed = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"  # sha256 of test@example.com
    slots = await pool.fetchrow(
        "select syncd.slot('s', null, $1) as plain, syncd.slot('s', null, $2) as hashed",
        json.dumps({"email": " Test@example.com"}),
        json.dumps({"sha256_email": hashed.upper()}),
    )
    assert slots["plain"] == slots["hashed"]


async def test_ids_of_one_person_follow_the_order_of_commits(pool: asyncpg.Pool) -> None:
    committed: list[str] = []

    async def write(name: str) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetchval(
                "select syncd.enqueue('s', 'ADD', $1)", json.dumps({"email": "a@x.org", "title": name})
            )
            await asyncio.sleep(random.Random(name).uniform(0, 0.02))
            committed.append(name)

    await asyncio.gather(*(write(f"w{n}") for n in range(8)))
    assert [json.loads(row["payload"])["title"] for row in await rows(pool)] == committed


async def test_concurrent_writers_of_many_rows_never_deadlock(pool: asyncpg.Pool) -> None:
    async def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(5):
            people = dice.sample(range(2000), 700)
            many = [{"segment_key": "s", "action": "ADD", "payload": {"email": f"p{n}@x.org"}} for n in people]
            await pool.fetchval("select syncd.enqueue_many($1)", json.dumps(many))

    await asyncio.gather(*(write(seed) for seed in range(6)))
    assert await pool.fetchval("select count(*) from syncd.outbox") == 6 * 5 * 700


async def test_a_hundred_thousand_rows_go_in_one_transaction(pool: asyncpg.Pool) -> None:
    written = await pool.fetchval(
        "select syncd.enqueue_many(jsonb_agg(jsonb_build_object('segment_key', 's', 'action', 'ADD', 'payload',"
        " jsonb_build_object('email', 'p' || n || '@x.org')))) from generate_series(1, 100000) n"
    )
    assert written == 100_000


async def test_the_example_trigger_writes_what_changed_and_nothing_else(pool: asyncpg.Pool) -> None:
    await pool.execute((SQL / "contacts_trigger.sql").read_text())
    await pool.execute("insert into contacts (email, first_name) values ('a@x.org', 'Ann'), ('b@x.org', 'Bob')")
    await pool.execute("update contacts set email = 'c@x.org' where first_name = 'Ann'")
    await pool.execute("update contacts set first_name = first_name")
    await pool.execute("update contacts set subscribed = false where first_name = 'Bob'")
    await pool.execute("update contacts set email = 'd@x.org' where first_name = 'Bob'")
    await pool.execute("delete from contacts")
    told = [(row["action"], row["subject_id"], json.loads(row["payload"]).get("email")) for row in await rows(pool)]
    assert told == [
        ("ADD", "1", "a@x.org"),
        ("ADD", "2", "b@x.org"),
        ("ADD", "1", "c@x.org"),
        ("REMOVE", "2", None),
        ("REMOVE", "1", None),
    ]


async def test_concurrent_changes_of_contacts_keep_their_order_without_a_deadlock(pool: asyncpg.Pool) -> None:
    await pool.execute((SQL / "contacts_trigger.sql").read_text())
    await pool.execute("insert into contacts (email) select 'p' || n || '@x.org' from generate_series(1, 50) n")

    async def write(seed: int) -> None:
        dice = random.Random(seed)
        for turn in range(40):
            email = f"w{seed}-{turn}@x.org"
            await pool.execute("update contacts set email = $1 where id = $2", email, dice.randint(1, 50))

    await asyncio.gather(*(write(seed) for seed in range(6)))
    last = await pool.fetch(
        "select distinct on (subject_id) subject_id, payload ->> 'email' as email from syncd.outbox"
        " order by subject_id, id desc"
    )
    now = await pool.fetch("select id::text as subject_id, email from contacts order by id::text")
    assert {(r["subject_id"], r["email"]) for r in last} == {(r["subject_id"], r["email"]) for r in now}


async def test_a_hundred_thousand_contacts_change_in_one_transaction(pool: asyncpg.Pool) -> None:
    await pool.execute((SQL / "contacts_trigger.sql").read_text())
    await pool.execute("insert into contacts (email) select 'p' || n || '@x.org' from generate_series(1, 100000) n")
    assert await pool.fetchval("select count(*) from syncd.outbox") == 100_000


@pytest.fixture
async def roles(pool: asyncpg.Pool) -> asyncpg.Pool:
    await pool.execute((SQL / "roles.sql").read_text())
    return pool


async def denied(pool: asyncpg.Pool, role: str, statement: str) -> bool:
    async with pool.acquire() as connection:
        await connection.execute(f"set role {role}")
        try:
            async with connection.transaction():
                await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            return True
        finally:
            await connection.execute("reset role")
    return False


@pytest.mark.parametrize(
    "statement",
    [
        "insert into syncd.outbox (segment_key, action, payload) values ('s', 'ADD', '{}')",
        "select syncd.enqueue('s', 'ADD', '{}')",
        "select syncd.enqueue_many('[]')",
    ],
)
async def test_the_crm_may_put_rows_into_the_outbox(roles: asyncpg.Pool, statement: str) -> None:
    assert not await denied(roles, "syncd_crm", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from syncd.outbox",
        "delete from syncd.outbox",
        "insert into syncd.outbox (id, segment_key, action, payload) overriding system value values (1, 's', 'ADD', '{}')",
        "insert into syncd.outbox (segment_key, action, payload, created_at) values ('s', 'ADD', '{}', now())",
        "select * from syncd.ledger",
        "select * from syncd.tokens",
        "create table syncd.mine (id int)",
    ],
)
async def test_the_crm_may_do_nothing_else(roles: asyncpg.Pool, statement: str) -> None:
    assert await denied(roles, "syncd_crm", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "create table syncd.mine (id int)",
        "alter table syncd.outbox add column mine int",
        "drop table syncd.ledger",
        "update syncd.schema_state set version = 99",
        "select * from public.contacts",
    ],
)
async def test_the_daemon_changes_no_schema_and_reads_no_table_of_the_crm(roles: asyncpg.Pool, statement: str) -> None:
    await roles.execute("create table public.contacts (id int)")
    assert await denied(roles, "syncd_daemon", statement)


async def test_the_daemon_reads_and_writes_its_tables(roles: asyncpg.Pool) -> None:
    tables = await roles.fetch("select tablename from pg_tables where schemaname = 'syncd'")
    for record in tables:
        assert not await denied(roles, "syncd_daemon", f"select * from syncd.{record['tablename']} limit 1")
    assert not await denied(roles, "syncd_daemon", "select last_value from syncd.outbox_id_seq")
    assert not await denied(roles, "syncd_daemon", "delete from syncd.outbox")


async def test_the_crm_has_no_other_right_on_any_table_or_sequence(roles: asyncpg.Pool) -> None:
    held = await roles.fetch(
        """
        select relname, wanted from pg_class
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) wanted
        where relnamespace = 'syncd'::regnamespace and relkind in ('r', 'v', 'm', 'p')
          and (has_table_privilege('syncd_crm', oid, wanted)
               or wanted in ('select', 'insert', 'update', 'references') and has_any_column_privilege('syncd_crm', oid, wanted))
        union all
        select relname, wanted from pg_class cross join unnest(array['usage', 'select', 'update']) wanted
        where relnamespace = 'syncd'::regnamespace and relkind = 'S' and has_sequence_privilege('syncd_crm', oid, wanted)
        """
    )
    assert [tuple(one) for one in held] == [("outbox", "insert")]
    columns = await roles.fetch(
        "select attname from pg_attribute where attrelid = 'syncd.outbox'::regclass and attnum > 0"
        " and has_column_privilege('syncd_crm', attrelid, attnum, 'insert') order by attnum"
    )
    assert [one["attname"] for one in columns] == ["segment_key", "action", "subject_id", "payload"]


@pytest.mark.parametrize("role", ["syncd_crm", "syncd_daemon"])
async def test_roles_that_work_own_nothing_and_create_nothing(roles: asyncpg.Pool, role: str) -> None:
    assert await roles.fetchval("select count(*) from pg_class where relowner = $1::regrole", role) == 0
    assert await roles.fetchval("select count(*) from pg_proc where proowner = $1::regrole", role) == 0
    assert not await roles.fetchval("select has_schema_privilege($1, 'syncd', 'create')", role)
    flags = await roles.fetchrow("select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication from pg_roles where rolname = $1", role)  # fmt: skip
    assert flags[0] is False
    for wanted in ("truncate", "references", "trigger"):
        granted = await roles.fetchval(
            "select count(*) from pg_class where relnamespace = 'syncd'::regnamespace and relkind = 'r'"
            " and has_table_privilege($1, oid, $2)",
            role,
            wanted,
        )
        assert granted == 0, wanted


@pytest.mark.parametrize(
    "statement",
    [
        "select syncd.enqueue('s', 'ADD', '{}')",
        "select syncd.enqueue_many('[]')",
        "select syncd.slot('s', null, '{}')",
        "insert into syncd.outbox (segment_key, action, payload) values ('s', 'ADD', '{}')",
    ],
)
async def test_nobody_else_may_do_anything(roles: asyncpg.Pool, statement: str) -> None:
    await roles.execute("create role somebody_else")
    try:
        assert await denied(roles, "somebody_else", statement)
    finally:
        await roles.execute("drop role somebody_else")


async def test_functions_that_lend_their_owners_rights_find_only_what_they_name(pool: asyncpg.Pool) -> None:
    found = await pool.fetch(
        "select proname, prosecdef, proconfig from pg_proc where pronamespace = 'syncd'::regnamespace order by proname"
    )
    assert [one["proname"] for one in found if one["prosecdef"]] == ["enqueue", "enqueue_many"]
    assert {tuple(one["proconfig"]) for one in found} == {("search_path=pg_catalog, pg_temp",)}


async def test_a_caller_cannot_slip_objects_of_its_own_under_enqueue(roles: asyncpg.Pool) -> None:
    async with roles.acquire() as connection:
        await connection.execute("create schema trap; grant usage, create on schema trap to syncd_crm")
        await connection.execute("set role syncd_crm")
        await connection.execute(
            "create temp table outbox (segment_key text, action text, subject_id text, payload jsonb)"
        )
        for function in (
            "lower(text) returns text",
            "hashtextextended(text, bigint) returns bigint",
            "pg_advisory_xact_lock(integer, integer) returns integer",
            "jsonb_array_elements(jsonb) returns jsonb",
        ):
            for schema in ("trap", "pg_temp"):
                await connection.execute(
                    f"create function {schema}.{function} language plpgsql as"
                    " $$ begin raise exception 'hijacked'; end $$"
                )
        await connection.execute("set search_path = pg_temp, trap, pg_catalog")
        row = '{"email": "a@x.org"}'
        await connection.fetchval("select syncd.enqueue('s', 'ADD', $1)", row)
        await connection.fetchval("select syncd.enqueue_many($1)", json.dumps([{"segment_key": "s", "payload": {}}]))
        assert await connection.fetchval("select count(*) from pg_temp.outbox") == 0
        await connection.execute("reset role; reset search_path; discard temp")
    assert len(await rows(roles)) == 2


async def test_what_a_daemon_is_refused_stands_in_the_servers_log_without_the_row(
    roles: asyncpg.Pool, postgres_server: PostgresServer
) -> None:
    if postgres_server.external:
        pytest.skip("the log of a server that is not ours cannot be read")
    settings = await roles.fetchval("select setconfig from pg_db_role_setting where setrole = 'syncd_daemon'::regrole")
    async with roles.acquire() as connection:
        for setting in settings:
            name, _, value = setting.partition("=")
            await connection.execute(f"set {name} = '{value}'")
        with pytest.raises(asyncpg.NotNullViolationError) as refused:
            await connection.execute(
                "insert into syncd.outbox (segment_key, action, payload) values ($1, 'ADD', null)",
                "cnry-in-a-parameter",
            )
    assert "cnry-in-a-parameter" in refused.value.detail
    log = postgres_server.log_file.read_text()
    assert 'null value in column "payload"' in log
    assert "cnry-in-a-parameter" not in log


async def test_the_schema_that_migrations_make_is_the_one_the_code_knows(url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "syncd",
                "include_object": lambda _thing, name, _kind, _found, _with: name != "alembic_version",
            },
        )
        found: list[object] = compare_metadata(context, metadata)
        return found

    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"),
        connect_args={"server_settings": {"search_path": "public"}},
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await migrate.problem(connection) is None
    await engine.dispose()


async def test_a_role_without_rights_is_not_told_to_migrate(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        await connection.execute(text("create role nobody_special"))
        await connection.execute(text("set role nobody_special"))
        assert "grant syncd_daemon" in str(await migrate.problem(connection))
        await connection.rollback()
    await engine.dispose()


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    await migrate.upgrade(database_url)
    await migrate.upgrade(database_url)
    database = Database(database_url)
    await migrate.usable(database)
    await database.close()


async def test_two_migrators_at_once_do_not_meet(postgres_server: PostgresServer) -> None:
    name = await postgres_server.create_database()
    await asyncio.gather(*(migrate.upgrade(postgres_server.url(name)) for _ in range(3)))
    await postgres_server.drop_database(name)


@pytest.mark.parametrize(
    ("statement", "fits"),
    [
        ("update schema_state set version = 0", False),
        ("update schema_state set version = 9, works_for = 1", True),
        ("update schema_state set version = 9, works_for = 9", False),
    ],
)
async def test_code_works_beside_a_newer_schema_that_says_so(store_url: str, statement: str, *, fits: bool) -> None:
    database = Database(store_url)
    async with database.begin() as connection:
        schema = "syncd." if database.is_postgresql else ""
        await connection.execute(text(statement.replace("schema_state", f"{schema}schema_state")))
    async with database.read() as connection:
        assert (await migrate.problem(connection) is None) is fits
    await database.close()


@pytest.mark.parametrize(("works_for", "ends_well"), [(1, True), (9, False)])
async def test_an_older_migrator_leaves_a_later_schema_alone(
    store_url: str, works_for: int, *, ends_well: bool
) -> None:
    """After a rollback the older image's `migrate` meets a revision that it has no migration of."""
    database = Database(store_url)
    schema = "syncd." if database.is_postgresql else ""
    async with database.begin() as connection:
        await connection.execute(text(f"update {schema}alembic_version set version_num = '0009'"))
        await connection.execute(text(f"update {schema}schema_state set version = 9, works_for = {works_for}"))
    if ends_well:
        await migrate.upgrade(store_url)
    else:
        with pytest.raises(
            Fatal, match=r"works for syncd of schema 9 and later, this one is .*: deploy the newer syncd"
        ):
            await migrate.upgrade(store_url)
    async with database.read() as connection:
        assert (await connection.execute(text(f"select version_num from {schema}alembic_version"))).scalar() == "0009"
    await database.close()


async def test_a_database_without_a_schema_says_what_to_do(database_url: str) -> None:
    database = Database(database_url)
    async with database.read() as connection:
        assert "syncd migrate" in str(await migrate.problem(connection))
    await database.close()
