"""`syncd changes show`: what became of one outbox row."""

from __future__ import annotations

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import DATABASE_ID, facts, json_option
from syncd.operations import changes as operations
from syncd.operations.changes import Outcome


@click.group()
def changes() -> None:
    """What became of the rows of the outbox."""


@changes.command()
@click.argument("id", type=DATABASE_ID)
@json_option
@click.pass_context
def show(context: click.Context, id: int, as_json: bool) -> None:  # noqa: A002 - the word on the command line
    """One row: pending, waiting, applied, superseded or dead; when, why and in which request.

    Exit code 1 for an id that is not known.
    """
    shell: Shell = context.obj
    told = shell.ask(lambda database: operations.fate_of(database, id))
    lines = [
        ("row", str(told.id)),
        ("outcome", told.outcome.value),
        ("", told.explanation),
        ("segment", told.segment),
        ("action", told.action),
        ("written at", told.written_at),
        ("batch", None if told.batch is None else f"{told.batch} ({told.kind})"),
        ("attempts", told.attempts),
        ("accepted at", told.accepted_at),
        ("LinkedIn's last words", told.words or None),
        ("x-li-uuid", told.support_id or None),
        ("reason", told.reason),
        ("detail", told.detail),
    ]
    facts(told, lines, as_json=as_json)
    if told.outcome is Outcome.UNKNOWN:
        context.exit(1)
