"""`python -m tests.simulation --seeds 300`: runs seeds on two processes and says which fail."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import Outcome, job, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--steps", type=int, default=200_000, help="callbacks after which faults end")
    parser.add_argument("--trace", action="store_true", help="print everything that happened (of the first seed)")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="break syncd this way first")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # the dead give no connection back
    if given.mutant:
        MUTANTS[given.mutant]()
    if given.trace:
        outcome = run(given.first, steps=given.steps, trace=True)
        print(*outcome.trace, *outcome.problems, sep="\n")
        sys.exit(bool(outcome.problems))
    sys.exit(_all(given))


def _all(given: argparse.Namespace) -> int:
    begun = time.monotonic()
    jobs = [(seed, given.steps) for seed in range(given.first, given.first + given.seeds)]
    failed: list[Outcome] = []
    if given.first == 0 and run(0).digest != run(0).digest:
        print("seed 0 does not replay")
        return 1
    seen: Counter[str] = Counter()
    rows = requests = steps = 0
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        for outcome in pool.imap_unordered(job, jobs):
            seen.update(outcome.seen)
            rows, requests, steps = rows + outcome.rows, requests + outcome.requests, steps + outcome.steps
            if outcome.problems:
                failed.append(outcome)
                if given.mutant:
                    print(f"caught by seed {outcome.seed}: {outcome.problems[0]}")
                    pool.terminate()
                    return 0
                print(
                    f"seed {outcome.seed} fails ({outcome.rows} rows):", *outcome.problems[:6], sep="\n  ", flush=True
                )
    took = time.monotonic() - begun
    print(
        f"{given.seeds} seeds, {given.seeds / took * 60:.0f} a minute; {rows} rows, {requests} requests, {steps} steps"
    )
    print("seen:", ", ".join(f"{name} {count}" for name, count in seen.most_common(80)))
    if failed:
        smallest = min(failed, key=lambda outcome: (outcome.rows, outcome.steps))
        print(f"{len(failed)} fail; the smallest: --first {smallest.seed} --trace")
    return bool(failed or given.mutant)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    main()
