"""How fast a backlog drains from the outbox through syncd to the sandbox and into the ledger, the limiter off."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from syncd.store.migrate import upgrade
from syncd.store.tables import ledger, outbox
from tests.acceptance.rig import Process, Rig
from tests.postgres import PostgresServer

_FILL = text("""
    insert into syncd.outbox (segment_key, action, payload)
    select 'seg' || (n % :segments), 'ADD', jsonb_build_object(
        'email', 'person' || n || '@example' || (n % 997) || '.com', 'first_name', 'Ann' || (n % 100),
        'last_name', 'Lee', 'title', 'Engineer', 'company', 'Acme ' || (n % 5000), 'country', 'US')
    from generate_series(1, :rows) as n
""")


@dataclass(frozen=True)
class Drained:
    """`users_per_second` from the first to the last row taken out; CPU seconds per million users by process."""

    rows: int
    seconds: float
    users_per_second: float
    daemon_cpu: float
    sandbox_cpu: float
    postgres_cpu: float
    daemon_peak_mib: float


async def drain(directory: Path, rows: int, segments: int = 1) -> Drained:
    """One run on a server of its own."""
    with PostgresServer(durable=True, settings=["max_wal_size=4GB", "shared_buffers=512MB"]) as server:
        name = await server.create_database()
        url = server.url(name)
        await upgrade(url)
        keys = [(f"seg{n}", "user", "ads") for n in range(segments)]
        limit = "1000000"
        rig = Rig(
            directory,
            url,
            segments=keys,
            sandbox_options=["--users-per-minute", limit],
            settings={"SYNCD_LIMITS__USERS_PER_MINUTE": limit, "SYNCD_LOG__LEVEL": "info"},
        )
        async with rig:
            daemon = await rig.daemon()
            await rig.wait_until(lambda: _bound(rig, segments), "segments are bound")
            await asyncio.sleep(5.5)  # a new segment takes no data for five seconds
            async with rig.database.begin() as connection:
                await connection.execute(_FILL, {"rows": rows, "segments": segments})
            before = {name: _cpu(pids) for name, pids in _groups(rig, daemon, server).items()}
            begun = time.monotonic()
            await rig.wait_until(rig.is_drained, "drained", daemon, seconds=1200, pause=0.2)
            seconds = time.monotonic() - begun
            spent = {name: _cpu(pids) - before[name] for name, pids in _groups(rig, daemon, server).items()}
            held = await rig.scalar(select(func.count()).select_from(ledger).where(ledger.c.present))
            assert held == rows, f"{held} in the ledger, {rows} committed"
            sizes = [one["size"] for one in (await rig.dmp_segments()).values()]
            assert sum(sizes) == rows, f"{sizes} at the sandbox, {rows} committed"
            assert await rig.scalar(select(func.count()).select_from(outbox)) == 0
            peak = _peak_mib(daemon.pid)
            assert await daemon.stop() == 0
        million = rows / 1e6
        return Drained(
            rows,
            seconds,
            rows / seconds,
            spent["daemon"] / million,
            spent["sandbox"] / million,
            spent["postgres"] / million,
            peak,
        )


async def _bound(rig: Rig, segments: int) -> bool:
    return len(await rig.dmp_segments()) == segments


def _groups(rig: Rig, daemon: Process, server: PostgresServer) -> dict[str, Sequence[int]]:
    assert server.pid is not None
    return {"daemon": [daemon.pid], "sandbox": [rig.sandbox.pid], "postgres": [server.pid, *_children(server.pid)]}


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def _cpu(pids: Sequence[int]) -> float:
    """Seconds of user and system time so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
