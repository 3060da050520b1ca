"""What a straightforward set-based loop makes of the same work, on the same machine in the same run: a measure of the machine,
beside which syncd's own figures can be read anywhere.

It claims rows by `ctid`, hashes, stores one compact row a batch, sends, and writes people into a ledger from arrays. It has
no lanes, no order across batches, no retries, no events, no names' rules; a server that answers 201 to everything is
its LinkedIn.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Sequence

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # it ships no types
import msgspec
from aiohttp import web

from tests.benchmarks.ground import run_in
from tests.postgres import PostgresServer

_SCHEMA = """
    create table outbox (id bigint generated always as identity primary key, segment_key text not null,
        action text not null, payload jsonb not null, created_at timestamptz not null default clock_timestamp());
    create index outbox_by_segment on outbox (segment_key, id);
    create table batches (id bigint generated always as identity primary key, body bytea not null, done boolean not null);
    create table ledger (segment_id bigint not null, identity bytea not null, present boolean not null, batch_id bigint not null,
        at timestamptz not null, primary key (segment_id, identity));
    alter table batches alter column body set storage external;
"""
_FILL = """
    insert into outbox (segment_key, action, payload)
    select 'people', 'ADD', jsonb_build_object(
        'email', 'person' || n || '@example.com', 'first_name', 'Ann' || (n % 100), 'last_name', 'Lee',
        'title', 'Engineer', 'company', 'Acme ' || (n % 5000), 'country', 'US')
    from generate_series(1, $1::bigint) as n
"""
_CLAIM = """
    delete from outbox where ctid = any(array(
        select ctid from outbox where segment_key = 'people' order by id limit 5000)) returning payload::text
"""
_STORE = "insert into batches (body, done) values ($1, false) returning id"
_LEDGER = """
    insert into ledger select 1, one, true, $2, now() from unnest($1::bytea[]) as one
    on conflict (segment_id, identity) do update set present = true, batch_id = excluded.batch_id, at = excluded.at
"""


async def measured(rows: int, settings: Sequence[str]) -> tuple[float, float]:
    """Users a second, and CPU seconds per million of the loop itself, over so many people on a server of its own."""
    with PostgresServer(durable=True, settings=settings) as server:
        url = server.plain_url(await server.create_database())
        await run_in(url, rows)
        connection = await asyncpg.connect(url)
        await connection.execute(_SCHEMA)
        await connection.execute(_FILL, rows, timeout=600)
        await connection.execute("vacuum analyze outbox")
        program = [sys.executable, "-m", "tests.benchmarks.straightforward"]
        linkedin = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
        try:
            assert linkedin.stdout is not None
            api = (await linkedin.stdout.readline()).decode().strip()
            loop = await asyncio.create_subprocess_exec(*program, url, api, stdout=asyncio.subprocess.PIPE)
            said, _ = await loop.communicate()
        finally:
            linkedin.kill()
            await linkedin.wait()
        assert await connection.fetchval("select count(*) from ledger") == rows
        await connection.close()
    told = json.loads(said)
    return rows / told["seconds"], told["cpu"] / rows * 1e6


class _Person(msgspec.Struct):
    email: str
    first_name: str
    last_name: str
    title: str
    company: str
    country: str


async def _drain(url: str, api: str) -> None:
    """Until nothing is left; prints the seconds of clock and of CPU that it took."""
    decode = msgspec.json.Decoder(_Person).decode
    begun, cpu = time.monotonic(), time.process_time()
    settling: set[asyncio.Task[None]] = set()
    async with asyncpg.create_pool(url, min_size=4, max_size=4) as pool, aiohttp.ClientSession() as http:
        while True:
            async with pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_CLAIM)
                hashes, elements = [], []
                for (payload,) in rows:
                    person = decode(payload)
                    digest = hashlib.sha256(person.email.strip().lower().encode())
                    hashes.append(digest.digest())
                    elements.append(_element(digest.hexdigest(), person))
                if not rows:
                    break
                body = b'{"elements":[' + b",".join(elements) + b"]}"
                number = await connection.fetchval(_STORE, body)
            while len(settling) >= 2:
                await asyncio.wait(settling, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(_settle(pool, http, api, number, hashes, body))
            settling.add(task)
            task.add_done_callback(settling.discard)
        await asyncio.gather(*settling)
    print(json.dumps({"seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu}))


def _element(digest: str, person: _Person) -> bytes:
    return (
        f'{{"action":"ADD","userIds":[{{"idType":"SHA256_EMAIL","idValue":"{digest}"}}],'
        f'"firstName":"{person.first_name}","lastName":"{person.last_name}","title":"{person.title}",'
        f'"company":"{person.company}","country":"{person.country}"}}'
    ).encode()


async def _settle(
    pool: asyncpg.Pool, http: aiohttp.ClientSession, api: str, number: int, hashes: list[bytes], body: bytes
) -> None:
    async with http.post(api, data=body, headers={"content-type": "application/json"}) as answer:
        text = await answer.read()
    assert text.count(b'"status":201') == len(hashes)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LEDGER, sorted(hashes), number)
        await connection.execute("update batches set done = true where id = $1", number)


async def _serve() -> None:
    """Answers 201 for every element."""

    async def answer(request: web.Request) -> web.Response:
        count = (await request.read()).count(b'"action"')
        return web.Response(body=b'{"elements":[' + b",".join([b'{"status":201}'] * count) + b"]}")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_drain(*sys.argv[1:]) if sys.argv[1:] else _serve())
