"""Commands of `syncd segments` that speak to LinkedIn at once, and `syncd ad-segments`."""

from __future__ import annotations

import sys
from typing import Final

import click

from syncd.cli.segments import segments
from syncd.cli.shell import Shell
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.errors import Rejected
from syncd.operations import remote as operations
from syncd.operations.deletions import Deleted

_DESTINATIONS: Final = (
    Column("destination", lambda one: one.name),
    Column("status", lambda one: one.status),
    Column("matched", lambda one: one.matched_count, number=True),
    Column("audience", lambda one: one.audience_size, number=True),
    Column("ad segment", lambda one: one.ad_segment),
)
_AD_SEGMENTS: Final = (
    Column("ad segment", lambda one: one.urn),
    Column("name", lambda one: one.name),
    Column("status", lambda one: one.status),
    Column("people", lambda one: one.members, number=True),
)


@segments.command()
@click.argument("key")
@click.option("--add", is_flag=True, help="Let it serve at LinkedIn, if it does not yet.")
@json_option
@click.pass_obj
def destinations(shell: Shell, key: str, add: bool, as_json: bool) -> None:
    """Where it serves, and as which ad segment."""
    found = shell.ask(lambda database: operations.serves(database, shell.settings, key, add=add))
    listing(found, _DESTINATIONS, as_json=as_json, empty="it serves nowhere: --add lets it serve at LinkedIn")


@segments.command("clean-up")
@click.argument("dmp_id", nargs=-1, required=True, type=click.IntRange(1, 10**18 - 1))
@click.option("--account", metavar="URN", help="Their ad account; default: the only one of the configuration.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def clean_up(shell: Shell, *, dmp_id: tuple[int, ...], account: str | None, yes: bool, as_json: bool) -> None:
    """Delete segments at LinkedIn, by its ids, that no segment here is bound to."""
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("deleting segments at LinkedIn needs --yes")
        click.confirm(f"Delete {', '.join(map(str, dmp_id))} at LinkedIn?", abort=True)
    done = shell.ask(lambda database: operations.clean_up(database, shell.settings, dmp_id, account))
    show_deleted("segment", done, as_json=as_json)


@click.command("ad-segments")
@click.option("--account", metavar="URN", help="urn:li:sponsoredAccount:…; default: the configuration's only one.")
@json_option
@click.pass_obj
def ad_segments(shell: Shell, *, account: str | None, as_json: bool) -> None:
    """List what campaigns of an ad account can target, with its status."""
    found = shell.ask(lambda database: operations.ad_segments(database, shell.settings, account))
    listing(found, _AD_SEGMENTS, as_json=as_json, empty="the ad account has no ad segments")


def show_deleted(what: str, done: Deleted, *, as_json: bool) -> None:
    """What is gone and what is not; exit code 1 if anything is still there."""
    if as_json:
        as_program(done)
    else:
        for one in done.gone:
            click.echo(f"{what} {one} is deleted")
        for one, words in done.kept.items():
            click.echo(f"{what} {one} is still there: {words}", err=True)
    if done.kept:
        sys.exit(1)
