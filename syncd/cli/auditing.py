"""`syncd audit`: who did what, when and why."""

from __future__ import annotations

from typing import Final

import click

from syncd.admin.api.audit import Which
from syncd.cli.api import Api
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, json_option, listing
from syncd.operations.audit import AuditRow
from syncd.operations.paging import Page

_COLUMNS: Final = (
    Column("id", lambda one: str(one.id), number=True),
    Column("at", lambda one: one.at),
    Column("who", lambda one: one.actor),
    Column("by", lambda one: one.door),
    Column("did", lambda one: one.action),
    Column("to", lambda one: one.target),
    Column("reason", lambda one: one.reason),
)


@click.command()
@click.option("--actor", metavar="NAME", help="What one of them did.")
@click.option("--action", metavar="WORD", help="One kind of deed, like segment.pause.")
@click.option("--target", metavar="NAME", help="What was done to one thing, like a segment's key.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many to list.")
@json_option
@pass_api
def audit(api: Api, *, actor: str | None, action: str | None, target: str | None, limit: int, as_json: bool) -> None:
    """List what people did, the newest first; as JSON with before and after."""
    which = Which(actor=actor, action=action, target=target)
    found = api.every("GET /audit", Page[AuditRow], which, limit)
    listing(found, _COLUMNS, as_json=as_json, empty="nobody has done anything yet")
