"""`syncd users` and `syncd tokens`: who may use console and API. A password is typed or piped, a token is printed once."""

from __future__ import annotations

import sys
from types import NoneType
from typing import Final

import click
import msgspec

from syncd.admin.api.people import Confirmed, People, Person, PersonPatch, Token, Tokens
from syncd.cli.api import Api
from syncd.cli.kinds import ACCOUNT, DATABASE_ID
from syncd.cli.shell import pass_api
from syncd.cli.showing import Column, as_program, json_option, listing
from syncd.domain.access import Role
from syncd.errors import Rejected
from syncd.operations import passwords
from syncd.operations.people import MadeToken, PersonReport, TokenReport

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
    "--account",
    "accounts",
    multiple=True,
    type=ACCOUNT,
    metavar="URN",
    help="Only this ad account; may be repeated. Default: all.",
)


def _password() -> str:
    """Typed twice on a terminal, else the first line of stdin: never an argument, which others can read."""
    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise Rejected("the password is read from stdin, and there is none")
    passwords.check(given)
    return given


@click.group()
def users() -> None:
    """See who may sign in to the console, let people in and out."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What they may do.")
@_account_option
@pass_api
def add(api: Api, name: str, role: str, accounts: tuple[str, ...]) -> None:
    """Let somebody in. The password is asked for, or read from stdin."""
    wanted = Person(name=name.strip().lower(), role=Role(role), password=_password(), accounts=list(accounts) or None)
    made = api.ask("POST /people", PersonReport, wanted)
    click.echo(f"{made.name} may sign in as {made.role}")


@users.command("list")
@json_option
@pass_api
def list_(api: Api, as_json: bool) -> None:
    """Who may sign in, and what they may do."""
    found = api.ask("GET /people", People).items
    listing(found, _PEOPLE, as_json=as_json, empty="nobody may sign in yet: `syncd users add NAME --role admin`")


@users.command()
@click.argument("name")
@pass_api
def remove(api: Api, name: str) -> None:
    """Let somebody in no more. They are signed out at once."""
    api.ask("DELETE /people/{name}", NoneType, Confirmed(confirm=name), name=name)
    click.echo(f"{name} may not sign in any more")


@users.command("role")
@click.argument("name")
@click.argument("role", type=_ROLES)
@_account_option
@click.option("--all-accounts", is_flag=True, help="Lift the limit to some ad accounts.")
@pass_api
def role_(api: Api, name: str, role: str, accounts: tuple[str, ...], all_accounts: bool) -> None:
    """Change what somebody may do. They sign in again with it."""
    if accounts and all_accounts:
        raise Rejected("--account and --all-accounts exclude each other")
    limited = None if all_accounts else list(accounts) or msgspec.UNSET
    api.ask("PATCH /people/{name}", PersonReport, PersonPatch(role=Role(role), accounts=limited), name=name)
    click.echo(f"{name} is {role} now")


@users.command()
@click.argument("name")
@pass_api
def password(api: Api, name: str) -> None:
    """Give somebody a new password, asked for or read from stdin. They are signed out."""
    api.ask("PATCH /people/{name}", PersonReport, PersonPatch(password=_password()), name=name)
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
@pass_api
def add_token(api: Api, name: str, role: str, days: int, accounts: tuple[str, ...], as_json: bool) -> None:
    """Make a token for the program NAME. It is printed this once."""
    wanted = Token(name=name, role=Role(role), days=days, accounts=list(accounts) or None)
    made = api.ask("POST /tokens", MadeToken, wanted)
    if as_json:
        as_program(made)
        return
    click.echo(made.token)
    click.echo("keep it where secrets are kept: it is not shown again", err=True)


@tokens.command("list")
@json_option
@pass_api
def list_tokens(api: Api, as_json: bool) -> None:
    """All tokens, without what makes them tokens."""
    found = api.ask("GET /tokens", Tokens).items
    listing(found, _TOKENS, as_json=as_json, empty="there are no tokens: `syncd tokens add`")


@tokens.command()
@click.argument("number", type=DATABASE_ID)
@pass_api
def revoke(api: Api, number: int) -> None:
    """Refuse a token from now on."""
    known = {one.id: one.name for one in api.ask("GET /tokens", Tokens).items}
    wanted = Confirmed(confirm=known.get(number, ""))
    gone = api.ask("DELETE /tokens/{number}", TokenReport, wanted, number=number)
    click.echo(f"token {gone.prefix}… of {gone.name} is refused from now on")
