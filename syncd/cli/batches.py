"""`syncd batches`: what went to LinkedIn together, and how it ended."""

from __future__ import annotations

from typing import Final

import click

from syncd.admin.api.batches import Which
from syncd.cli.api import Api
from syncd.cli.kinds import DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, facts, json_option, listing
from syncd.operations.history import BatchReport
from syncd.operations.paging import Page

_COLUMNS: Final = (
    Column("id", lambda one: str(one.id), number=True),
    Column("segment", lambda one: one.segment),
    Column("kind", lambda one: one.kind),
    Column("state", lambda one: "open" if one.open else "closed"),
    Column("elements", lambda one: one.elements, number=True),
    Column("accepted", lambda one: one.accepted, number=True),
    Column("refused", lambda one: one.refused, number=True),
    Column("attempts", lambda one: one.attempts, number=True),
    Column("since", lambda one: one.created_at),
    Column("closed", lambda one: one.closed_at),
    Column("x-li-uuid", lambda one: one.support_id),
)


@click.group()
def batches() -> None:
    """What went to LinkedIn together, and how it ended."""


@batches.command("list")
@click.option("--segment", metavar="KEY", help="Those of one segment.")
@click.option("--open/--closed", "is_open", default=None, help="Those on their way, or those that have ended.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many to list.")
@json_option
@pass_api
def list_(api: Api, segment: str | None, is_open: bool | None, limit: int, as_json: bool) -> None:
    """The newest first."""
    found = api.every("GET /batches", Page[BatchReport], Which(segment=segment, open=is_open), limit)
    listing(found, _COLUMNS, as_json=as_json, empty="there are no batches")


@batches.command()
@click.argument("number", metavar="ID", type=DATABASE_ID)
@json_option
@pass_api
def show(api: Api, number: int, as_json: bool) -> None:
    """One batch: its elements, its rows of the outbox, and what LinkedIn last said."""
    one = api.ask("GET /batches/{number}", BatchReport, number=number)
    lines = [
        ("batch", str(one.id)),
        ("segment", one.segment),
        ("kind", one.kind),
        ("state", "open" if one.open else "closed"),
        ("since", one.created_at),
        ("closed", one.closed_at),
        ("elements", one.elements),
        ("accepted", one.accepted),
        ("refused", one.refused),
        ("superseded", one.dropped),
        ("rows taken", one.rows_taken),
        ("rows applied", one.rows_applied),
        ("rows superseded", one.rows_superseded),
        ("rows dead", one.rows_dead),
        ("attempts", one.attempts),
        ("LinkedIn's last words", one.words or None),
        ("x-li-uuid", one.support_id or None),
    ]
    facts(one, lines, as_json=as_json)
