"""`make bench`: runs the benchmarks and prints what they measured."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.crash import crash
from tests.benchmarks.drain import drain


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--what", choices=["drain", "crash"], default="drain")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--segments", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks.json"))
    arguments = parser.parse_args()
    if arguments.what == "crash":
        with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
            print(json.dumps(asdict(asyncio.run(crash(Path(directory), arguments.rows))), indent=2))
        return
    runs = []
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
            found = asyncio.run(drain(Path(directory), arguments.rows, arguments.segments))
        runs.append(found)
        print(
            f"run {number + 1}: {found.users_per_second:,.0f} users/s; CPU seconds per million: daemon"
            f" {found.daemon_cpu:.1f}, PostgreSQL {found.postgres_cpu:.1f}, sandbox {found.sandbox_cpu:.1f};"
            f" daemon peak {found.daemon_peak_mib:.0f} MiB",
            flush=True,
        )
    median = statistics.median(run.users_per_second for run in runs)
    print(f"median of {len(runs)}: {median:,.0f} users/s")
    document = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "drain": [asdict(run) for run in runs],
    }
    arguments.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
