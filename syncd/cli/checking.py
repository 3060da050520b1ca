"""`syncd check`: whether everything is in place for the daemon to work."""

from __future__ import annotations

import asyncio
from typing import Final

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import Column, json_option, listing
from syncd.operations import checks

_COLUMNS: Final = (
    Column("point", lambda one: one.name),
    Column("ok", lambda one: one.ok),
    Column("evidence", lambda one: one.evidence),
)


@click.command()
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Check configuration, database, tokens, roles and API version.

    Exit code 1 if any point fails.
    """
    shell: Shell = context.obj
    points = asyncio.run(checks.check(shell.settings))
    listing(points, _COLUMNS, as_json=as_json, empty="")
    if not all(point.ok for point in points):
        context.exit(1)
