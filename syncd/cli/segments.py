"""`syncd segments`: see them, and give orders that their owners carry out."""

from __future__ import annotations

import sys
from typing import Final, Literal

import click

from syncd.admin.api.segments import Confirmed, NewSegment, Patch, Segments, Which
from syncd.admin.api.wire import Why
from syncd.cli.api import Api
from syncd.cli.kinds import ACCOUNT
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, facts, json_option, listing
from syncd.domain.advice import Advice
from syncd.errors import Rejected
from syncd.operations.segments import SegmentDetails, SegmentList, SegmentReport


def state(segment: SegmentReport) -> str:
    """Why nothing goes on, or that it does."""
    words = [f"parked: {segment.parked} {segment.parked_words}".strip()] if segment.parked else []
    if segment.paused:
        words.insert(0, "paused")
    if segment.order:
        words.append(f"to {segment.order}")
    return "; ".join(words) or "active"


def follows(segment: SegmentReport) -> str:
    """The next status with its date: `READY by 2026-11-26`, `ARCHIVED from 2026-12-24`."""
    due = segment.next
    if due is None or due.at is None:
        return ""
    return f"{due.status} {'from' if due.is_earliest else 'by'} {due.at:%Y-%m-%d}"


def advised(segment: SegmentReport) -> str:
    """What somebody has to act on, by topic; `segments show` says it in words."""
    return ", ".join(advice.topic.replace("_", " ") for advice in segment.advice if advice.acts)


_COLUMNS: Final = (
    Column("segment", lambda one: one.key),
    Column("kind", lambda one: one.kind),
    Column("status", lambda one: one.status),
    Column("next", follows),
    Column("pending", lambda one: one.pending, number=True),
    Column("open batches", lambda one: one.open_batches, number=True),
    Column("in ledger", lambda one: one.ledger, number=True),
    Column("matched", lambda one: one.matched_count, number=True),
    Column("audience", lambda one: one.audience_size, number=True),
    Column("member", lambda one: one.member),
    Column("state", state),
    Column("to do", advised),
)


@click.group()
def segments() -> None:
    """See, create, pause and repair segments."""


@segments.command("list")
@json_option
@pass_api
def list_(api: Api, as_json: bool) -> None:
    """All segments: status and what follows, what waits, who is in them, what is to be done."""
    pages = list(api.pages("GET /segments", Segments, Which()))
    found = SegmentList(segments=[one for page in pages for one in page.items], unknown=pages[0].unknown)
    if as_json:
        as_program(found)
        return
    none = "there are no segments: declare some in the configuration, or `syncd segments create`"
    listing(found.segments, _COLUMNS, as_json=False, empty=none)
    for one in found.unknown:
        click.echo(f"{one.pending:,} rows wait for segment {one.key}, which no daemon has met yet")


@segments.command()
@click.argument("key")
@json_option
@pass_api
def show(api: Api, key: str, as_json: bool) -> None:
    """One segment: why it is where it is, what to do, and its history."""
    details = api.ask("GET /segments/{segment}", SegmentDetails, segment=key)
    facts(details, [] if as_json else _lines(details), as_json=as_json)


def _lines(details: SegmentDetails) -> list[tuple[str, object]]:
    one = details.segment
    dead = ", ".join(f"{reason} {count:,}" for reason, count in details.dead_letters.items())
    return [
        ("segment", one.key),
        ("name", one.name),
        ("kind", one.kind),
        ("account", one.account),
        ("member", one.member),
        ("declared in configuration", one.declared),
        ("state", state(one)),
        ("parked since", one.parked_at),
        ("LinkedIn's id", one.dmp_id and str(one.dmp_id)),
        ("ad segment", one.ad_segment),
        ("status", one.status),
        ("status since", one.status_since),
        ("next status", _next(one)),
        *(("advice" if advice.acts else "good to know", _advice(advice)) for advice in one.advice),
        ("pending rows", one.pending),
        ("oldest waits (s)", one.oldest_seconds),
        ("open batches", one.open_batches),
        ("in ledger", one.ledger),
        ("inputs (7 days)", one.input_count),
        ("matched (7 days)", one.matched_count),
        ("audience", one.audience_size),
        ("rows applied", one.applied),
        ("rows superseded", one.superseded),
        ("rows dead", one.dead),
        ("dead letters", dead or None),
        *(
            (f"since {move.at:%Y-%m-%d %H:%M:%S}", f"{move.before or 'new'} → {move.after}{_flag(move.documented)}")
            for move in details.transitions
        ),
    ]


def _next(segment: SegmentReport) -> str | None:
    due = segment.next
    return f"{follows(segment)}{f', unless {due.unless}' if due.unless else ''}" if due else None


def _advice(advice: Advice) -> str:
    return f"{advice.words} ({advice.reference})"


def _flag(documented: bool) -> str:
    return "" if documented else " (not a documented transition)"


@segments.command()
@click.argument("key")
@click.option("--name", required=True, help="Its name at LinkedIn.")
@click.option("--kind", required=True, type=click.Choice(["user", "company"]), help="What it holds.")
@click.option("--account", required=True, type=ACCOUNT, metavar="URN", help="urn:li:sponsoredAccount:…")
@click.option("--member", required=True, metavar="KEY", help="The member that feeds it.")
@pass_api
def create(api: Api, key: str, name: str, kind: Literal["user", "company"], account: str, member: str) -> None:
    """Make a segment; the daemon creates it at LinkedIn."""
    wanted = NewSegment(key=key, name=name, kind=kind, account=account, member=member)
    api.ask("POST /segments", SegmentDetails, wanted)
    click.echo(f"segment {key} is known; the daemon creates it at LinkedIn")


@segments.command()
@click.argument("key")
@click.argument("name")
@pass_api
def rename(api: Api, key: str, name: str) -> None:
    """Give it another name at LinkedIn."""
    api.ask("PATCH /segments/{segment}", SegmentDetails, Patch(name=name), segment=key)
    click.echo(f"segment {key} is called {name}")


@segments.command()
@click.argument("key")
@pass_api
def adopt(api: Api, key: str) -> None:
    """Take over the segment that was found at LinkedIn under this key."""
    api.ask("POST /segments/{segment}/adopt", SegmentDetails, Why(), segment=key)
    click.echo(f"segment {key}: the daemon takes over what it found at LinkedIn; who is in it is not known")


@segments.command()
@click.argument("key")
@pass_api
def recreate(api: Api, key: str) -> None:
    """Put a new, empty segment at LinkedIn in the place of the old one, and fill it again."""
    api.ask("POST /segments/{segment}/recreate", SegmentDetails, Confirmed(confirm=key), segment=key)
    click.echo(f"segment {key}: the daemon makes a new one; campaigns must be moved to its ad segment")


@segments.command()
@click.argument("key")
@pass_api
def pause(api: Api, key: str) -> None:
    """Take and send nothing for it; its rows wait in the outbox."""
    api.ask("POST /segments/{segment}/pause", SegmentDetails, Why(), segment=key)
    click.echo(f"segment {key} is paused")


@segments.command()
@click.argument("key")
@pass_api
def resume(api: Api, key: str) -> None:
    """Let it go on, whether it was paused or parked."""
    api.ask("POST /segments/{segment}/resume", SegmentDetails, Why(), segment=key)
    click.echo(f"segment {key} goes on")


@segments.command()
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_api
def delete(api: Api, key: str, yes: bool) -> None:
    """Delete it, at LinkedIn too."""
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected(f"deleting segment {key} needs --yes")
        if click.prompt(f"This deletes the segment at LinkedIn too. Type {key} to go on") != key:
            raise Rejected("that is another key; nothing was deleted")
    api.ask("DELETE /segments/{segment}", SegmentDetails, Confirmed(confirm=key), segment=key)
    click.echo(f"segment {key}: the daemon deletes it")
