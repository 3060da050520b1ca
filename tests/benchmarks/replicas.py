"""B13: three replicas, eight members, one PostgreSQL; replaced one by one under load, then one killed."""

from __future__ import annotations

from pathlib import Path

from syncd.store.migrate import upgrade
from tests.acceptance.replacing import MEMBERS, SEGMENTS, replace_one_by_one
from tests.acceptance.rig import Rig
from tests.benchmarks.figures import Figure, Size
from tests.benchmarks.ground import SERVER
from tests.postgres import PostgresServer

_TTL, _TIMEOUT = 15.0, 30.0
"""As they are set when nobody sets them."""
_SHORT = 2.0


async def replicas(directory: Path, size: Size) -> list[Figure]:
    ttl, timeout = (_SHORT, _SHORT) if size.name == "quick" else (_TTL, _TIMEOUT)
    settings = {
        "SYNCD_LEASES__TTL": f"{ttl:.0f}",
        "SYNCD_LINKEDIN__REQUEST_TIMEOUT": f"{timeout:.0f}",
        "SYNCD_LOG__LEVEL": "info",
        "SYNCD_TRACKER__INTERVAL": "60",
    }
    members = {member: f"token-of-{member}" for member in MEMBERS}
    latency = ["--latency", "0.3"]
    with PostgresServer(durable=True, settings=SERVER) as server:
        url = server.url(await server.create_database())
        await upgrade(url)
        rig = Rig(directory, url, segments=SEGMENTS, members=members, sandbox_options=latency, settings=settings)
        async with rig:
            replaced = await replace_one_by_one(rig)
    return [
        _gap("three replicas replaced one by one: longest gap of any member", replaced.clean, 2.0),
        _gap("one killed: longest gap of its members", replaced.killed, ttl + timeout),
        _gap("one killed: longest gap of the other members", replaced.bystanders, 2.0),
        Figure(
            measure="B13", what="longest gap between commits of the CRM itself", unit="s", values=[replaced.commits]
        ),
        Figure(
            measure="B13",
            what="most requests of a member in 60 s meanwhile",
            unit="",
            values=[replaced.busiest_minute],
            target=500,
            least=False,
        ),
    ]


def _gap(what: str, seconds: float, target: float) -> Figure:
    return Figure(measure="B13", what=what, unit="s", values=[seconds], target=target, least=False)
