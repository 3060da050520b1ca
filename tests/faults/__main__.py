"""`make faults`: plays scenarios, mutants or a soak, and ends with tables; 1 when an invariant broke."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys

from tests.faults import mutants, soak
from tests.faults.runner import CHAPTERS, Watch, chosen, grounds, judged, play_all, sometimes, table, told


def _say(text: str) -> None:
    print(text, flush=True)


async def _play(arguments: argparse.Namespace) -> int:
    watch = Watch()
    wrong = 0
    async with grounds() as ground:
        seeds = range(arguments.seed, arguments.seed + arguments.runs)
        scenarios = chosen(quick=arguments.quick, only=arguments.only)
        if not arguments.mutants:
            outcomes = await play_all(scenarios, ground, seeds, lambda one: _say(told(one)))
            _say(f"\n{table(outcomes)}\n\njudged: {judged(outcomes)}\n")
            sights, never = sometimes(outcomes)
            if not arguments.only:
                _say(sights)
            wrong = sum(not one.held for one in outcomes)
            if never and not arguments.quick and not arguments.only:
                _say(f"never seen: {', '.join(never)}")
                wrong += 1
            _say(
                f"\n{len(outcomes) - sum(not one.held for one in outcomes)} of {len(outcomes)} runs held; {watch.seconds:.0f} s"
            )
        if arguments.mutants or not (arguments.quick or arguments.only):
            wrong += await mutants.hunt(ground, arguments.seed, _say, only=arguments.only if arguments.mutants else "")
        _say(f"{watch.seconds:.0f} s in all; seed {arguments.seed}")
        if wrong:
            _say(f"what broke is in {ground.directory}")
        else:
            shutil.rmtree(ground.directory)
    return 1 if wrong else 0


def main() -> int:
    assert CHAPTERS
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--quick", action="store_true", help="the short half of it")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios (or mutants) whose name holds this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="how often each is played, with seeds from --seed on")
    parser.add_argument("--mutants", action="store_true", help="only the mutants")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="random faults for so long")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_until_told(arguments))
    except asyncio.CancelledError:
        return 1


async def _until_told(arguments: argparse.Namespace) -> int:
    """SIGTERM (of `timeout`, of CI) ends the run as Ctrl-C does: no database and no daemon is left behind."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if arguments.soak:
        return await soak.soak(arguments.soak, arguments.seed, _say)
    return await _play(arguments)


if __name__ == "__main__":
    sys.exit(main())
