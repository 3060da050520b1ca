"""`syncd resync`: send again what LinkedIn should hold."""

from __future__ import annotations

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import as_program, json_option
from syncd.operations import resyncs as operations


@click.command()
@click.argument("segment")
@click.option("--mode", type=click.Choice(["replay"]), required=True, help="replay: all that the ledger holds.")
@click.option("--reason", help="Why, for those who read it later; not needed for a dry run.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
@click.pass_obj
def resync(shell: Shell, segment: str, mode: str, reason: str | None, dry_run: bool, as_json: bool) -> None:
    """Send again what a segment should hold at LinkedIn, after it was emptied there."""
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason, or try --dry-run")
    found = shell.ask(lambda database: operations.preview(database, shell.settings, segment))
    if not dry_run:
        shell.ask(lambda database: operations.replay(database, segment))
    if as_json:
        as_program(found)
        return
    click.echo(
        f"{mode} of {segment}: {found.identities:,} in {found.requests:,} requests,"
        f" {found.minutes:.1f} minutes at the limit{'' if dry_run else '; the daemon begins'}"
    )
