"""`syncd erase` and `syncd opt-outs`: whom it is about comes by prompt, stdin or file, for arguments stand in process lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from syncd.admin.api.erasures import MOST_PEOPLE, Begun, Evidence, Listed, People, Removed, Unwanted, Whom
from syncd.admin.api.wire import Paged
from syncd.cli.api import Api
from syncd.cli.kinds import DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.errors import Rejected
from syncd.operations.erasure import CONFIRMATION, Erasure
from syncd.operations.optouts import Added
from syncd.operations.paging import Page

_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_PLACES: Final = (
    Column("segment", lambda one: one.segment),
    Column("stage", lambda one: one.stage),
    Column("rows", lambda one: one.outbox_rows, number=True),
    Column("ledger", lambda one: one.ledger_rows, number=True),
    Column("subjects", lambda one: one.subjects, number=True),
    Column("letters", lambda one: one.dead_letters, number=True),
    Column("accepted", lambda one: one.accepted_at),
    Column("support id", lambda one: one.support_id),
    Column("what it waits for", lambda one: one.words),
)
_ERASURES: Final = (
    Column("id", lambda one: str(one.id), number=True),
    Column("kind", lambda one: one.kind),
    Column("status", lambda one: one.status),
    Column("begun", lambda one: one.begun_at),
    Column("finished", lambda one: one.finished_at),
    Column("by", lambda one: one.by),
    Column("reason", lambda one: one.reason),
)


@click.command()
@click.option("--reason", required=True, help="Why, for the evidence: the number of the request. It names nobody.")
@click.option("--file", type=_FILE, help="Where the e-mail or its hash is; - is stdin, default: it is asked for.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_api
def erase(api: Api, *, reason: str, file: Path | None, yes: bool, as_json: bool) -> None:
    """Forget a person: out of every segment, and out of everything that is kept here.

    The person is an e-mail, or its SHA-256 or SHA-512 in hex: asked for, or read from a file. From now on nobody
    adds them again; the daemon does the rest, and `syncd erasures show` says how far it is.
    """
    person = _person(file)
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("erasing somebody needs --yes")
        confirmation = click.prompt(f"It cannot be taken back. Type {CONFIRMATION} to erase this person")
    else:
        confirmation = CONFIRMATION
    begun = api.ask("POST /erasures", Erasure, Begun(person=person, reason=reason, confirm=confirmation))
    if as_json:
        as_program(begun)
        return
    click.echo(f"erasure {begun.id} has begun: `syncd erasures show {begun.id}` says how far it is")


@click.group()
def erasures() -> None:
    """Erasures: how far they are, and what shows that they were done."""


@erasures.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many to list.")
@json_option
@pass_api
def list_(api: Api, limit: int, as_json: bool) -> None:
    """The newest erasures, and people who leave because they opted out."""
    found = api.every("GET /erasures", Page[Erasure], Paged(), limit)
    listing(found, _ERASURES, as_json=as_json, empty="nobody has been erased")


@erasures.command()
@click.argument("number", type=DATABASE_ID)
@json_option
@pass_api
def show(api: Api, number: int, as_json: bool) -> None:
    """How far an erasure is, segment by segment."""
    found = api.ask("GET /erasures/{number}", Erasure, number=number)
    if as_json:
        as_program(found)
        return
    click.echo(f"{found.kind} {found.id} is {found.status}")
    listing(found.places, _PLACES, as_json=False, empty="there is no segment it could be in")


@erasures.command()
@click.argument("number", type=DATABASE_ID)
@pass_api
def evidence(api: Api, number: int) -> None:
    """What can be shown to whoever asks whether it was done, as JSON: times, requests and counts, nobody's name."""
    as_program(api.ask("GET /erasures/{number}/evidence", Evidence, number=number).evidence)


@click.group("opt-outs")
def opt_outs() -> None:
    """People who are in no segment, whatever the CRM says."""


@opt_outs.command()
@click.option("--file", type=_FILE, help="One e-mail or hash a line; - is stdin, default: one is asked for.")
@json_option
@pass_api
def add(api: Api, file: Path | None, as_json: bool) -> None:
    """Add one person, or a whole file; they leave their segments."""
    people = [_asked()] if file is None else _read(file).splitlines()
    done = _added(api, people)
    if as_json:
        as_program(done)
    else:
        click.echo(f"{done.added:,} people are new on the list, {done.known:,} were on it")
        for number in done.erasures:
            click.echo(f"`syncd erasures show {number}` says how far they have left their segments")
    if done.refused:
        shown = ", ".join(map(str, done.refused[:20]))
        raise Rejected(f"{len(done.refused):,} lines name nobody and were left out: {shown}")


@opt_outs.command()
@click.option("--file", type=_FILE, help="Where the e-mail or hash is; - is stdin, default: it is asked for.")
@pass_api
def remove(api: Api, file: Path | None) -> None:
    """Let a person be added again, also one who was erased."""
    person = _person(file)
    gone = api.ask("POST /opt-outs/remove", Removed, Unwanted(person=person))
    click.echo("they may be added again" if gone.removed else "they were not on the list")


@opt_outs.command()
@click.option("--file", type=_FILE, help="Where the e-mail or hash is; - is stdin, default: it is asked for.")
@json_option
@pass_api
def check(api: Api, file: Path | None, as_json: bool) -> None:
    """Whether a person is on the list."""
    person = _person(file)
    found = api.ask("POST /opt-outs/check", Listed, Whom(person=person)).suppression
    if as_json:
        as_program(found)
    elif found is None:
        click.echo("they are not on the list")
    else:
        click.echo(f"they are on the list ({found.kind})")


def _added(api: Api, lines: list[str]) -> Added:
    """All of them, as many in a request as one may hold. Lines that name nobody are named by their number in the file."""
    done = Added(added=0, known=0, refused=[], erasures=[])
    numbered = [(number, text) for number, text in enumerate(lines, 1) if text.strip()]
    for start in range(0, len(numbered), MOST_PEOPLE):
        some = numbered[start : start + MOST_PEOPLE]
        more = api.ask("POST /opt-outs", Added, People(people=[text for _, text in some]))
        done = Added(
            added=done.added + more.added,
            known=done.known + more.known,
            refused=done.refused + [some[place - 1][0] for place in more.refused],
            erasures=done.erasures + more.erasures,
        )
    return done


def _person(file: Path | None) -> str:
    if file is None:
        return _asked()
    lines = [line for line in _read(file).splitlines() if line.strip()]
    if len(lines) != 1:
        raise Rejected("give one person, on one line")
    return lines[0]


def _asked() -> str:
    if not sys.stdin.isatty():
        raise Rejected("say whom: --file FILE, or --file - for stdin")
    return str(click.prompt("E-mail, or its SHA-256 or SHA-512 in hex", hide_input=True))


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected("it must be text in UTF-8") from None
    except OSError as problem:
        raise Rejected(f"it cannot be read: {(problem.strerror or 'bad path').lower()}") from None
