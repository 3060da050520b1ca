"""`syncd dead-letters`: changes that cannot be applied, counted and sampled; never what they carry."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final, TypeVar

import click

from syncd.admin.api.letters import Chosen, Counted, Counts, Which
from syncd.cli.api import Api
from syncd.cli.kinds import DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.domain.change import Reason
from syncd.errors import Rejected
from syncd.operations.letters import Dropped, Letter, LetterList, Marked
from syncd.operations.paging import Page

F = TypeVar("F", bound=Callable[..., Any])

_COUNTS: Final = (
    Column("segment", lambda one: one.segment),
    Column("reason", lambda one: one.reason),
    Column("letters", lambda one: one.letters, number=True),
    Column("can go again", lambda one: one.retryable, number=True),
    Column("about to", lambda one: one.retrying, number=True),
)
_LETTERS: Final = (
    Column("id", lambda one: str(one.id), number=True),
    Column("row", lambda one: str(one.row), number=True),
    Column("segment", lambda one: one.segment),
    Column("reason", lambda one: one.reason),
    Column("since", lambda one: one.at),
    Column("detail", lambda one: one.detail),
)


_reason_option: Final = click.option(
    "--reason",
    metavar="WORD",
    type=click.Choice([one.value for one in Reason]),
    callback=lambda _context, _option, word: Reason(word) if word is not None else None,
    help="Those of one reason.",
)


def _which(command: F) -> F:
    for option in (
        click.option("--id", "ids", type=DATABASE_ID, multiple=True, help="One letter; may be repeated."),
        _reason_option,
        click.option("--segment", metavar="KEY", help="Those of one segment."),
    ):
        command = option(command)
    return command


@click.group("dead-letters")
def letters() -> None:
    """Changes that cannot be applied: see, retry and drop them."""


@letters.command("list")
@click.option("--segment", metavar="KEY", help="Those of one segment.")
@_reason_option
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many to list.")
@json_option
@pass_api
def list_(api: Api, segment: str | None, reason: Reason | None, limit: int, as_json: bool) -> None:
    """All of them counted by segment and reason, and the newest of them."""
    counts = api.ask("GET /dead-letters/counts", Counts, Counted(segment=segment, reason=reason))
    newest = api.every("GET /dead-letters", Page[Letter], Which(segment=segment, reason=reason), limit)
    found = LetterList(counts=counts.items, newest=newest)
    if as_json:
        as_program(found)
        return
    listing(found.counts, _COUNTS, as_json=False, empty="there are no dead letters")
    if found.newest:
        click.echo()
        listing(found.newest, _LETTERS, as_json=False, empty="")


@letters.command()
@_which
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@json_option
@pass_api
def retry(
    api: Api, segment: str | None, reason: Reason | None, ids: tuple[int, ...], everything: bool, as_json: bool
) -> None:
    """Send them again, with the rank they had; the daemon does it."""
    which = _chosen(segment, reason, ids, everything=everything)
    done = api.ask("POST /dead-letters/retry", Marked, which)
    if as_json:
        as_program(done)
        return
    click.echo(f"{done.letters:,} dead letters go again")
    if done.not_retryable:
        click.echo(f"{done.not_retryable:,} cannot: their data is wrong, and only the CRM can put it right")


@letters.command()
@_which
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_api
def drop(
    api: Api,
    *,
    segment: str | None,
    reason: Reason | None,
    ids: tuple[int, ...],
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete them; the changes they hold will never be applied."""
    which = _chosen(segment, reason, ids, everything=everything)
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("dropping dead letters needs --yes")
        click.confirm("The changes they hold will never be applied. Go on?", abort=True)
    done = api.ask("POST /dead-letters/drop", Dropped, which)
    if as_json:
        as_program(done)
        return
    click.echo(f"{done.letters:,} dead letters were dropped")
    if done.in_open_batches:
        click.echo(f"{done.in_open_batches:,} stay until their batch is closed")


@letters.command()
@click.option("--segment", metavar="KEY", help="Those of one segment.")
@_reason_option
@click.option("--file", type=click.File("wb"), default="-", help="Where they go; default: stdout.")
@pass_api
def export(api: Api, segment: str | None, reason: Reason | None, file: BinaryIO) -> None:
    """Write all of them as CSV, without what they carry."""
    file.writelines(api.lines("GET /dead-letters/export", Counted(segment=segment, reason=reason)))


def _chosen(segment: str | None, reason: Reason | None, ids: tuple[int, ...], *, everything: bool) -> Chosen:
    if everything == bool(segment or reason or ids):
        raise Rejected("say which: --segment, --reason and --id, or --all alone")
    return Chosen(segment=segment, reason=reason, ids=list(ids), all=everything)
