"""`syncd changes`: what became of one outbox row, and lines of changes that are judged before they are taken."""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, Final

import click

from syncd.admin.api.changes import How, Taken
from syncd.admin.problems import Flaw
from syncd.cli.api import Api
from syncd.cli.asking import Flawed
from syncd.cli.kinds import DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import as_program, facts, json_option
from syncd.errors import Absent
from syncd.operations.changes import ChangeReport, Outcome

_SHOWN: Final = 20


@click.group()
def changes() -> None:
    """Rows of the outbox: put some there, and see what became of each."""


@changes.command()
@click.argument("id", type=DATABASE_ID)
@json_option
@pass_api
def show(api: Api, id: int, as_json: bool) -> None:  # noqa: A002 - the word on the command line
    """One row: pending, waiting, applied, superseded or dead; when, why and in which request.

    Exit code 1 for an id that is not known.
    """
    try:
        told = api.ask("GET /changes/{number}", ChangeReport, number=id)
    except Absent as unknown:
        told = ChangeReport(id=id, outcome=Outcome.UNKNOWN, explanation=str(unknown))
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
        sys.exit(1)


@changes.command()
@click.option("--file", type=click.File("rb"), default="-", help="Where the lines are; default: stdin.")
@click.option("--partial", is_flag=True, help="Take the good lines although others are bad.")
@json_option
@pass_api
def post(api: Api, file: BinaryIO, partial: bool, as_json: bool) -> None:
    """Put up to 100,000 changes into the outbox, if all of them are good.

    Reads one JSON object a line: {"segment": …, "action": "ADD", "subject_id": …, "payload": {"email": …}}. Each is judged
    as the daemon will judge it, and bad ones are named by their line.
    """
    lines = io.BytesIO(file.read())
    try:
        done = api.ask("POST /changes", Taken, How(partial=partial), file=lines)
    except Flawed as refused:
        _list(refused.flaws)
        raise
    if as_json:
        as_program(done)
        return
    _list(done.errors, done.more_errors)
    skipped = f", {done.rejected:,} lines were left out" if done.rejected else ""
    click.echo(f"{done.rows:,} rows are in the outbox{skipped}")


def _list(flaws: list[Flaw], more: int = 0) -> None:
    for flaw in flaws[:_SHOWN]:
        click.echo(f"line {flaw.line}: {flaw.detail}", err=True)
    if rest := more + len(flaws[_SHOWN:]):
        click.echo(f"… and {rest:,} more", err=True)
