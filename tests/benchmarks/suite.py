"""All benchmarks by the measures of issue 4, and how they are run."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import drains, replicas, resyncs, singles, transform, watching
from tests.benchmarks.figures import QUICK, Figure, Size, merged, table
from tests.benchmarks.ground import SERVER
from tests.postgres import binaries

Benchmark = Callable[[Path, Size], Awaitable[list[Figure]]]
BENCHMARKS: Final[dict[tuple[str, ...], tuple[Benchmark, int]]] = {
    ("B1", "B6"): (drains.ceiling, 1),
    ("B2", "B10"): (drains.unlimited, 3),
    ("B3",): (transform.transform, 5),
    ("B4",): (singles.idle, 1),
    ("B5",): (singles.beside_a_backlog, 1),
    ("B7",): (drains.large_ledger, 1),
    ("B8",): (resyncs.all_of_them, 1),
    ("B9",): (drains.embedded, 3),
    ("B11",): (drains.companies, 1),
    ("B12",): (singles.many_segments, 1),
    ("B13",): (replicas.replicas, 1),
    ("B14",): (watching.watched, 1),
}
"""By the measures of issue 4 (B13 and B14: of issues 7 and 6), with how often each runs."""
_AT_ONCE: Final = 4
_LIBRARIES: Final = ("aiohttp", "asyncpg", "msgspec", "SQLAlchemy")


def measured(names: Sequence[str], size: Size, runs: int | None = None) -> list[Figure]:
    """Runs every benchmark that has one of the names, or all, one after the other; a wrong result raises."""
    figures = []
    for measures, (benchmark, usual) in BENCHMARKS.items():
        if names and not set(names) & set(measures):
            continue
        found = []
        for _ in range(runs or usual):
            found.append(asyncio.run(_run(benchmark, size)))
            print(table(found[-1]).split("\n", 2)[2], flush=True)
        figures += merged(found)
    return figures


def at_once() -> list[Figure]:
    """All benchmarks, small and side by side: their times mean nothing, their results must be right."""
    with ProcessPoolExecutor(_AT_ONCE, get_context("spawn")) as pool:
        return [replace(figure, target=None) for found in pool.map(_small, BENCHMARKS) for figure in found]


def _small(measures: tuple[str, ...]) -> list[Figure]:
    return asyncio.run(_run(BENCHMARKS[measures][0], QUICK))


async def _run(benchmark: Benchmark, size: Size) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
        return await benchmark(Path(directory), size)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "")
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpu or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory) // 1024,
        "kernel": platform.release(),
        "commit": _commit(),
        "python": platform.python_version(),
        "postgresql": _version(binaries()),
        "postgresql_settings": list(SERVER),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _commit() -> str:
    """What was measured, where git knows; a plus sign for what is not committed."""
    try:
        said = [
            subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said[0] + ("+" if said[1] else "")


def _version(folder: Path) -> str:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
