"""`syncd users` and `syncd tokens`: who may use console and API. A password is typed or piped, a token is printed once."""

from __future__ import annotations

import sys
from typing import Final

import click

from syncd.cli.shell import Shell
from syncd.cli.showing import DATABASE_ID, Column, as_program, json_option, listing
from syncd.domain.access import COMMAND_LINE, Role
from syncd.errors import Rejected
from syncd.operations import people as operations
from syncd.operations.passwords import Passwords
from syncd.operations.people import Change, NewPerson, NewToken, checked_accounts
from syncd.store.engine import Database

_ROLES: Final = click.Choice([role.value for role in Role])
_PEOPLE: Final = (
    Column("name", lambda one: one.name),
    Column("role", lambda one: one.role),
    Column("accounts", lambda one: ", ".join(one.accounts) if one.accounts else "all"),
    Column("since", lambda one: one.created_at),
    Column("made by", lambda one: one.made_by),
)
_TOKENS: Final = (
    Column("id", lambda one: str(one.id), number=True),
    Column("name", lambda one: one.name),
    Column("begins with", lambda one: one.prefix),
    Column("role", lambda one: one.role),
    Column("accounts", lambda one: ", ".join(one.accounts) if one.accounts else "all"),
    Column("ends", lambda one: one.ends_at),
    Column("last used", lambda one: one.used_at),
    Column("state", lambda one: "good" if one.good else "revoked" if one.revoked_at else "ended"),
)
_account_option = click.option(
    "--account", "accounts", multiple=True, metavar="URN", help="Only this ad account; may be repeated. Default: all."
)


def _password() -> str:
    """Typed twice on a terminal, else the first line of stdin: never an argument, which others can read."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    piped = sys.stdin.readline().rstrip("\r\n")
    if not piped:
        raise Rejected("the password is read from stdin, and there is none")
    return piped


@click.group()
def users() -> None:
    """See who may sign in to the console, let people in and out."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What they may do.")
@_account_option
@click.pass_obj
def add(shell: Shell, name: str, role: str, accounts: tuple[str, ...]) -> None:
    """Let somebody in. The password is asked for, or read from stdin."""
    limited = checked_accounts(list(accounts) or None)
    wanted = NewPerson(name=name, role=Role(role), password=_password(), accounts=limited)

    async def work(database: Database) -> str:
        return (await operations.add(database, Passwords(), wanted, COMMAND_LINE)).name

    click.echo(f"{shell.ask(work)} may sign in as {role}")


@users.command("list")
@json_option
@click.pass_obj
def list_(shell: Shell, as_json: bool) -> None:
    """Who may sign in, and what they may do."""
    found = shell.ask(operations.listed)
    listing(found, _PEOPLE, as_json=as_json, empty="nobody may sign in yet: `syncd users add NAME --role admin`")


@users.command()
@click.argument("name")
@click.pass_obj
def remove(shell: Shell, name: str) -> None:
    """Let somebody in no more. They are signed out at once."""
    shell.ask(lambda database: operations.remove(database, name, COMMAND_LINE))
    click.echo(f"{name} may not sign in any more")


@users.command("role")
@click.argument("name")
@click.argument("role", type=_ROLES)
@_account_option
@click.option("--all-accounts", is_flag=True, help="Lift the limit to some ad accounts.")
@click.pass_obj
def role_(shell: Shell, name: str, role: str, accounts: tuple[str, ...], all_accounts: bool) -> None:
    """Change what somebody may do. They sign in again with it."""
    if accounts and all_accounts:
        raise Rejected("--account and --all-accounts exclude each other")
    change = Change(role=Role(role), accounts=checked_accounts(list(accounts) or None), all_accounts=all_accounts)

    async def work(database: Database) -> None:
        await operations.change(database, Passwords(), name, change, COMMAND_LINE)

    shell.ask(work)
    click.echo(f"{name} is {role} now")


@users.command()
@click.argument("name")
@click.pass_obj
def password(shell: Shell, name: str) -> None:
    """Give somebody a new password, asked for or read from stdin. They are signed out."""
    change = Change(password=_password())

    async def work(database: Database) -> None:
        await operations.change(database, Passwords(), name, change, COMMAND_LINE)

    shell.ask(work)
    click.echo(f"{name} signs in with the new password")


@click.group()
def tokens() -> None:
    """See, make and revoke tokens for programs that use the API."""


@tokens.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the program may do.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it lives.")
@_account_option
@json_option
@click.pass_obj
def add_token(shell: Shell, name: str, role: str, days: int, accounts: tuple[str, ...], as_json: bool) -> None:
    """Make a token for the program NAME. It is printed this once."""
    limited = checked_accounts(list(accounts) or None)
    wanted = NewToken(name=name, role=Role(role), days=days, accounts=limited)
    made = shell.ask(lambda database: operations.add_token(database, wanted, COMMAND_LINE))
    if as_json:
        as_program(made)
        return
    click.echo(made.token)
    click.echo("keep it where secrets are kept: it is not shown again", err=True)


@tokens.command("list")
@json_option
@click.pass_obj
def list_tokens(shell: Shell, as_json: bool) -> None:
    """All tokens, without what makes them tokens."""
    listing(shell.ask(operations.tokens), _TOKENS, as_json=as_json, empty="there are no tokens: `syncd tokens add`")


@tokens.command()
@click.argument("number", type=DATABASE_ID)
@click.pass_obj
def revoke(shell: Shell, number: int) -> None:
    """Refuse a token from now on."""
    gone = shell.ask(lambda database: operations.revoke(database, number, COMMAND_LINE))
    click.echo(f"token {gone.prefix}… of {gone.name} is refused from now on")
