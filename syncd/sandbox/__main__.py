"""`python -m syncd.sandbox`: the sandbox as a process of its own, for tests that kill and restart things."""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from .app import serve
from .options import SandboxOptions, parse_clock, parse_member

NUMBERS = ("seed", "users_per_minute", "companies_per_minute", "member_daily", "application_daily")
LIMITS = ("segments_per_account", "max_body_bytes", "access_token_ttl", "refresh_token_ttl")
SECONDS = ("latency", "visible_after", "land_after", "spread")
TEXTS = ("record", "application", "client_secret")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m syncd.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900, help="0 picks a free one")
    parser.add_argument("--clock", dest="clock_factor", type=parse_clock, metavar="3600x")
    parser.add_argument("--member", dest="members", type=parse_member, action="append", metavar="KEY:TOKEN[:ROLE]")
    parser.add_argument("--account", dest="accounts", action="append", metavar="URN")
    parser.add_argument("--test-account", dest="test_accounts", action="append", metavar="URN")
    parser.add_argument("--active-version", dest="active_versions", action="append", metavar="YYYYMM")
    parser.add_argument("--expired-stream", choices=["accept", "refuse"])
    parser.add_argument("--no-paging-total", dest="paging_total", action="store_false", default=None)
    parser.add_argument("--batch-index", action="store_true", default=None)
    parser.add_argument("--rotate-refresh", action="store_true", default=None)
    for names, kind in ((NUMBERS, int), (LIMITS, int), (SECONDS, float), (TEXTS, str)):
        for name in names:
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    return parser


def read_options(arguments: argparse.Namespace) -> SandboxOptions:
    """What was said on the command line over the defaults."""
    said: dict[str, Any] = {option.name: getattr(arguments, option.name) for option in fields(SandboxOptions)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items() if value is not None
    }
    return replace(SandboxOptions(), **given)


async def _run(arguments: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)

    def say(url: str) -> None:
        sys.stdout.write(f"sandbox listening on {url}\n")
        sys.stdout.flush()

    await serve(read_options(arguments), arguments.host, arguments.port, say)


def main() -> None:
    with suppress(asyncio.CancelledError):
        asyncio.run(_run(build_parser().parse_args()))


if __name__ == "__main__":
    main()
