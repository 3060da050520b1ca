"""`syncd check`: whether everything is in place for the daemon to work; LinkedIn's sign-off, exercised."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import Column, json_option, listing
from syncd.errors import Rejected
from syncd.operations import canary, checks
from syncd.operations.points import Point

_VERSION: Final = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])")


def _holds(point: Point) -> str:
    return ("yes, act soon" if point.soon else "yes") if point.ok else "no"


_COLUMNS: Final = (
    Column("point", lambda one: one.name),
    Column("ok", _holds),
    Column("LinkedIn asks for", lambda one: one.proves),
    Column("evidence", lambda one: one.evidence),
)


@click.command()
@click.option("--refresh", is_flag=True, help="Refresh access tokens, to prove that it works.")
@click.option("--try-version", metavar="YYYYMM", help="Try a newer version of the API on one segment, reading only.")
@click.option("--segment", metavar="KEY", help="The segment to try it on; default: the first that is bound.")
@json_option
@click.pass_context
def check(context: click.Context, refresh: bool, try_version: str | None, segment: str | None, as_json: bool) -> None:
    """Check configuration, database, tokens, roles, audiences and API version.

    Each point that LinkedIn's reviewers ask of an integration is exercised, with its evidence. Exit code 1 if any point
    fails.
    """
    shell: Shell = context.obj
    if try_version is not None:
        points = _tried(shell, try_version, segment)
    elif segment is not None:
        raise Rejected("--segment says what to try a version on: it needs --try-version")
    else:
        points = asyncio.run(checks.check(shell.settings, refreshing=refresh))
    listing(points, _COLUMNS, as_json=as_json, empty="")
    if not all(point.ok for point in points):
        context.exit(1)


def _tried(shell: Shell, version: str, segment: str | None) -> list[Point]:
    if not _VERSION.fullmatch(version):
        raise Rejected(f"{version} is no version of the API: they are written YYYYMM, as 202610")
    return shell.ask(lambda database: canary.tried(database, shell.settings, version, segment))
