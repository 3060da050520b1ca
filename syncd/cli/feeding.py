"""`syncd enqueue`: changes by hand. A person's data comes by stdin or file: arguments stand in every process list."""

from __future__ import annotations

from typing import BinaryIO

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import as_program, json_option
from syncd.operations import feeding


@click.command()
@click.argument("segment")
@click.argument("action", type=click.Choice(["ADD", "REMOVE"], case_sensitive=False))
@click.option("--subject", metavar="ID", help="The CRM's id of the person or company; for a single payload.")
@click.option("--file", type=click.File("rb"), default="-", help="Where the payload is; default: stdin.")
@click.option("--allow-unknown", is_flag=True, help="Take a segment that nobody knows yet; its rows wait.")
@json_option
@click.pass_obj
def enqueue(
    shell: Shell,
    *,
    segment: str,
    action: str,
    subject: str | None,
    file: BinaryIO,
    allow_unknown: bool,
    as_json: bool,
) -> None:
    """Put changes into the outbox, as the CRM would.

    Reads one payload as a JSON object, or many, one a line:
    {"email": …, "first_name": …} for people, {"name": …, "website_domain": …} for companies.
    """
    given = feeding.payloads(file.read())
    done = shell.ask(
        lambda database: feeding.enqueue(
            database, shell.settings, segment, action, given, subject=subject, allow_unknown=allow_unknown
        )
    )
    if as_json:
        as_program(done)
    elif done.id is not None:
        click.echo(f"row {done.id} is in the outbox: `syncd changes show {done.id}` says what becomes of it")
    else:
        click.echo(f"{done.rows:,} rows are in the outbox")
