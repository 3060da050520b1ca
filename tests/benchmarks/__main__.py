"""`make bench`: runs the benchmarks, prints what they measured, and writes `benchmarks.json` and `benchmarks.svg`."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.crash import crash
from tests.benchmarks.figures import FULL, table
from tests.benchmarks.picture import picture
from tests.benchmarks.suite import BENCHMARKS, at_once, machine, measured


def main() -> None:
    known = sorted({name for names in BENCHMARKS for name in names}, key=lambda name: int(name[1:]))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--only", default="", help=f"some of {','.join(known)}, or crash")
    parser.add_argument(
        "--quick", action="store_true", help="all of them, small and at once: proves that they run and are right"
    )
    parser.add_argument("--runs", type=int, help="how often each runs")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of crash")
    parser.add_argument("--out", type=Path, help="benchmarks.json, or benchmarks-quick.json")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    if names == ["crash"]:
        with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
            print(json.dumps(asdict(asyncio.run(crash(Path(directory), arguments.rows))), indent=2))
        return
    if unknown := set(names) - set(known):
        parser.error(f"no benchmark measures {', '.join(sorted(unknown))}; there are {', '.join(known)} and crash")
    if arguments.quick and (names or arguments.runs):
        parser.error("--quick runs all of them, once")
    out = arguments.out or Path("benchmarks-quick.json" if arguments.quick else "benchmarks.json")
    figures = at_once() if arguments.quick else measured(names, FULL, arguments.runs)
    document = {"quick": arguments.quick, "machine": machine(), "figures": [asdict(figure) for figure in figures]}
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".svg").write_text(picture(figures), encoding="utf-8")
    print(f"\n{table(figures)}")


if __name__ == "__main__":
    main()
