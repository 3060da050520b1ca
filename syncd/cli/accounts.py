"""`syncd accounts`: the members' ad accounts and every audience in them, as LinkedIn lists them."""

from __future__ import annotations

from typing import Final

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import Column, json_option, listing
from syncd.domain.segment import MOST_SEGMENTS
from syncd.operations import audiences as operations
from syncd.operations.audiences import Account

_ACCOUNTS: Final = (
    Column("account", lambda one: one.account),
    Column("member", lambda one: one.member),
    Column("role", lambda one: one.role),
    Column("audiences", lambda one: len(one.audiences), number=True),
    Column("left", lambda one: MOST_SEGMENTS - len(one.audiences), number=True),
    Column("could go", lambda one: sum(bool(audience.could_go) for audience in one.audiences), number=True),
)
_AUDIENCES: Final = (
    Column("id", lambda one: str(one.id)),
    Column("account", lambda one: one.account),
    Column("name", lambda one: one.name),
    Column("type", lambda one: one.type),
    Column("status", lambda one: one.status),
    Column("audience", lambda one: one.audience_size, number=True),
    Column("segment", lambda one: one.segment),
    Column("could go", lambda one: one.could_go),
)


@click.group()
def accounts() -> None:
    """See ad accounts and every audience in them."""


@accounts.command("list")
@json_option
@click.pass_obj
def list_(shell: Shell, as_json: bool) -> None:
    """The ad accounts of all members: role, audiences, how many more LinkedIn takes."""
    listing(_found(shell), _ACCOUNTS, as_json=as_json, empty="no member has a role in any ad account")


@accounts.command()
@click.option("--could-go", is_flag=True, help="Only those that could be cleaned up; nothing is deleted.")
@json_option
@click.pass_obj
def audiences(shell: Shell, could_go: bool, as_json: bool) -> None:
    """Every audience, other programs' included, and why it could be cleaned up."""
    found = [one for account in _found(shell) for one in account.audiences if one.could_go or not could_go]
    empty = "nothing could be cleaned up" if could_go else "there are no audiences"
    listing(found, _AUDIENCES, as_json=as_json, empty=empty)


def _found(shell: Shell) -> list[Account]:
    return shell.ask(lambda database: operations.listed(database, shell.settings))
