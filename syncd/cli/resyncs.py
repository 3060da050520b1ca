"""`syncd resync` and `syncd resyncs`: what LinkedIn should hold goes out again, all of it or what differs from a source."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from syncd.admin.api.resyncs import Cancel, Given, Start, Wanted, Which
from syncd.cli.api import Api
from syncd.cli.kinds import DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, facts, json_option, listing
from syncd.domain.resync import Mode, State
from syncd.errors import Rejected
from syncd.operations.paging import Page
from syncd.operations.resyncs import ResyncReport

_LOOK: Final = 0.2
_NOTICE: Final = 10.0
_COLUMNS: Final = (
    Column("id", lambda one: str(one.id), number=True, whole=True),
    Column("segment", lambda one: one.segment),
    Column("mode", lambda one: one.mode),
    Column("state", lambda one: one.state),
    Column("done", lambda one: f"{one.progress.ratio:.0%}", number=True),
    Column("sent", lambda one: one.progress.sent, number=True),
    Column("asked by", lambda one: one.asked_by),
    Column("since", lambda one: one.created_at),
    Column("reason", lambda one: one.reason),
)


@click.command()
@click.argument("segment")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    required=True,
    help="replay: all that the ledger holds; reconcile: what differs from the segment's source or from --file.",
)
@click.option("--reason", help="Why, for those who read it later; not needed for a dry run.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be sent, and send nothing; the plan can be started later."
)
@click.option(
    "--confirm", metavar="SEGMENT", help="The segment's name, where more would leave than the fuse lets pass."
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV or NDJSON file of everybody who should be in the segment.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]),
    help="The time the file speaks of, like 2026-08-01T12:00:00 (UTC unless it says otherwise).",
)
@click.option("--subject-column", metavar="NAME", help="The file's column with the CRM's id of the person or company.")
@click.option("--wait", type=click.FloatRange(0), default=900.0, show_default=True, help="Seconds to wait for a plan.")
@json_option
@pass_api
def resync(
    api: Api,
    *,
    segment: str,
    mode: str,
    reason: str | None,
    dry_run: bool,
    confirm: str | None,
    file: Path | None,
    as_of: datetime | None,
    subject_column: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Send again what a segment should hold at LinkedIn: all of it, or what differs from its source."""
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason, or try --dry-run")
    if (file is None) != (as_of is None) or (file is not None and mode != Mode.RECONCILE):
        raise click.UsageError("--file goes with --as-of, the time it speaks of, and with --mode reconcile")
    because = reason or ""
    if file is None or as_of is None:
        wanted = Wanted(mode=Mode(mode), reason=because)
        found = api.ask("POST /segments/{segment}/resyncs", ResyncReport, wanted, segment=segment)
    else:
        found = _uploaded(api, segment, file, Given(as_of=_aware(as_of), subject_column=subject_column, reason=because))
    found = _planned(api, found, wait)
    if not dry_run:
        typed = segment if mode == Mode.REPLAY else confirm  # the command names what it sends again
        found = _started(api, found.id, because, typed)
    _told(found, as_json=as_json)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _uploaded(api: Api, segment: str, file: Path, given: Given) -> ResyncReport:
    if file.suffix.lower() not in {".csv", ".ndjson", ".jsonl"}:
        raise Rejected(f"{file}: must end in .csv, .ndjson or .jsonl, to say how it is to be read")
    with file.open("rb") as opened:
        return api.ask("POST /segments/{segment}/resyncs/snapshot", ResyncReport, given, file=opened, segment=segment)


def _started(api: Api, number: int, reason: str, confirm: str | None) -> ResyncReport:
    order = Start(reason=reason, confirm=confirm)
    return api.ask("POST /resyncs/{number}/start", ResyncReport, order, number=number)


def _planned(api: Api, found: ResyncReport, wait: float) -> ResyncReport:
    """Waits for the segment's owner, and says so when it takes a while."""
    begun = time.monotonic()
    noticed = False
    while found.state is State.PLANNING:
        waited = time.monotonic() - begun
        if waited > wait:
            raise Rejected(
                f"resync {found.id} is not planned yet: see `syncd resyncs show {found.id}`, and start it when it is"
            )
        if waited > _NOTICE and not noticed:
            noticed = True
            click.echo(f"resync {found.id}: {found.words or 'the daemon reads the source'} …", err=True)
        time.sleep(_LOOK)
        found = api.ask("GET /resyncs/{number}", ResyncReport, number=found.id)
    if found.state is State.FAILED:
        raise Rejected(f"resync {found.id} could not be planned: {found.words}")
    return found


@click.group()
def resyncs() -> None:
    """Resyncs: see, start and cancel them."""


@resyncs.command("list")
@click.option("--segment", metavar="KEY", help="Those of one segment.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to list.")
@json_option
@pass_api
def list_(api: Api, segment: str | None, limit: int, as_json: bool) -> None:
    """The newest first."""
    found = api.every("GET /resyncs", Page[ResyncReport], Which(segment=segment), limit)
    listing(found, _COLUMNS, as_json=as_json, empty="there are no resyncs")


@resyncs.command()
@click.argument("number", metavar="ID", type=DATABASE_ID)
@json_option
@pass_api
def show(api: Api, number: int, as_json: bool) -> None:
    """Its plan, and how far it is."""
    _told(api.ask("GET /resyncs/{number}", ResyncReport, number=number), as_json=as_json)


@resyncs.command()
@click.argument("number", metavar="ID", type=DATABASE_ID)
@click.option("--reason", required=True, help="Why, for those who read it later.")
@click.option(
    "--confirm",
    metavar="SEGMENT",
    help="The segment's name, for a replay and where more would leave than the fuse lets pass.",
)
@json_option
@pass_api
def start(api: Api, number: int, reason: str, confirm: str | None, as_json: bool) -> None:
    """Let a plan go."""
    _told(_started(api, number, reason, confirm), as_json=as_json)


@resyncs.command()
@click.argument("number", metavar="ID", type=DATABASE_ID)
@click.option("--reason", default="", help="Why, for those who read it later.")
@json_option
@pass_api
def cancel(api: Api, number: int, reason: str, as_json: bool) -> None:
    """End it; two batches at most still go out."""
    order = Cancel(reason=reason)
    _told(api.ask("POST /resyncs/{number}/cancel", ResyncReport, order, number=number), as_json=as_json)


def _told(found: ResyncReport, *, as_json: bool) -> None:
    if as_json:
        as_program(found)
    else:
        facts(found, _facts(found), as_json=False)


def _facts(found: ResyncReport) -> Iterator[tuple[str, object]]:
    yield "resync", str(found.id)
    yield "segment", found.segment
    yield "mode", f"{found.mode} of the {found.origin}"
    yield "state", found.state
    if found.words:
        yield "words", found.words
    if found.reason:
        yield "reason", found.reason
    numbers = found.numbers
    if numbers is not None:
        yield "held", numbers.held
        yield "adds", numbers.adds
        if found.mode is Mode.RECONCILE:
            yield "removes", numbers.removes
            yield "changes", numbers.changes
            yield "unchanged", numbers.unchanged
            yield "newer", numbers.newer or None
            rejected = ", ".join(f"{count:,} {reason}" for reason, count in sorted(numbers.rejected.items()))
            yield "rejected", rejected or None
        yield "requests", found.requests
        yield "minutes at the limit", found.minutes
    if found.needs_confirmation and found.state is State.PLANNED:
        why = "everybody goes out again" if found.mode is Mode.REPLAY else "more would leave than the fuse lets pass"
        yield "to start it", f"{why}: --confirm {found.segment}"
    if found.started_at is not None:
        progress = found.progress
        yield "done", f"{progress.ratio:.0%}"
        yield "sent", progress.sent
        yield "accepted", progress.accepted
        yield "refused", progress.refused or None
        yield "skipped", progress.skipped or None
        yield "superseded", progress.superseded or None
        yield "minutes left", progress.minutes_left
