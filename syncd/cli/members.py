"""`syncd members` and `syncd epoch`: whose tokens make the calls, and which run of outbox ids counts."""

from __future__ import annotations

from types import NoneType
from typing import Final

import click

from syncd.admin.api.members import Begin, Begun, Finish, Members, SignedIn
from syncd.admin.api.wire import Why
from syncd.cli.api import Api
from syncd.cli.shell import Shell, pass_api
from syncd.cli.showing import Column, facts, json_option, listing, said
from syncd.operations import epochs
from syncd.operations.epochs import EpochReport
from syncd.operations.members import MemberReport


def _state(member: MemberReport) -> str:
    words = ["paused"] if member.paused else []
    if member.parked:
        words.append(f"parked: {member.parked} {member.parked_words}".strip())
    if not member.declared:
        words.append("not in the configuration")
    if not member.seen:
        words.append("no daemon has met it yet")
    return "; ".join(words) or "active"


_COLUMNS: Final = (
    Column("member", lambda one: one.key),
    Column("application", lambda one: one.application),
    Column("owner", lambda one: one.owner),
    Column("token ends", lambda one: one.access_token_ends),
    Column("refresh token ends", lambda one: one.refresh_token_ends),
    Column("state", _state),
)


@click.group()
def members() -> None:
    """See, sign in, pause and resume members."""


@members.command("list")
@json_option
@pass_api
def list_(api: Api, as_json: bool) -> None:
    """All members: who works for each, and when its token ends."""
    found = [one.member for one in api.ask("GET /members", Members).items]
    listing(found, _COLUMNS, as_json=as_json, empty="there are no members: declare some in the configuration")


@members.command()
@click.argument("key")
@pass_api
def pause(api: Api, key: str) -> None:
    """Take and send nothing for it; rows of its segments wait in the outbox."""
    api.ask("POST /members/{member}/pause", NoneType, Why(), member=key)
    click.echo(f"member {key} is paused")


@members.command()
@click.argument("key")
@pass_api
def resume(api: Api, key: str) -> None:
    """Let it go on, whether it was paused or parked."""
    api.ask("POST /members/{member}/resume", NoneType, Why(), member=key)
    click.echo(f"member {key} goes on")


@members.command("sign-in")
@click.argument("key")
@click.option("--redirect-uri", required=True, metavar="URL", help="One that the application names at LinkedIn.")
@pass_api
def sign_in(api: Api, key: str, redirect_uri: str) -> None:
    """Get tokens for a member: consent in a browser, then give the address it ended at.

    The tokens are sealed in the database, and take the place of those in the member's files until a file changes.
    """
    begun = api.ask("POST /members/{member}/sign-in", Begun, Begin(redirect_uri=redirect_uri), member=key)
    click.echo(f"open this in a browser where {key} is signed in at LinkedIn:\n\n  {begun.url}\n")
    arrived = click.prompt("The address it ends at", hide_input=True)
    consent = Finish(ticket=begun.ticket, address=arrived)
    ends = api.ask("POST /members/{member}/sign-in/finish", SignedIn, consent, member=key).consent_ends
    until = f"; its consent ends {said(ends)}" if ends is not None else ""
    click.echo(f"member {key} is signed in{until}")


@click.group()
def epoch() -> None:
    """The source epoch: which run of outbox ids counts."""


@epoch.command("show")
@json_option
@click.pass_obj
def show(shell: Shell, as_json: bool) -> None:
    """The epoch, and the database its ids come from."""
    _show(shell.ask(epochs.shown), as_json=as_json)


@epoch.command()
@click.option("--reason", required=True, metavar="TEXT", help="Why the ids begin anew.")
@json_option
@click.pass_obj
def start(shell: Shell, reason: str, as_json: bool) -> None:
    """Start a new epoch: every row from now on outranks every row before.

    To be used after the outbox's database was restored or replaced, once nothing writes with the old ids any more.
    """
    _show(shell.ask(lambda database: epochs.start(database, reason)), as_json=as_json)


def _show(report: EpochReport, *, as_json: bool) -> None:
    lines = [
        ("epoch", report.epoch),
        ("recorded for", f"{report.recorded_system or 'nothing yet'}, timeline {report.recorded_timeline}"),
        ("database now", f"{report.present_system or 'not to be read'}, timeline {report.present_timeline}"),
        ("last id drawn", report.last_id),
        ("highest id taken", report.highest_taken),
        ("intake", f"parked: {report.parked_words}" if report.parked_words else "active"),
        *(("proposed", command) for command in report.proposed),
    ]
    facts(report, lines, as_json=as_json)
