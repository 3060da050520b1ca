"""`syncd users` and `syncd tokens`: a password is never an argument, a token is shown once."""

from __future__ import annotations

import json

from tests.component.cli.conftest import ACCOUNT, Cli

PASSWORD = "a password of hers\n"


def test_somebody_is_let_in_changed_and_let_out(cli: Cli) -> None:
    told = cli("users", "add", "Ann", "--role", "admin", stdin=PASSWORD)
    assert (told.exit_code, told.stdout) == (0, "ann may sign in as admin\n"), told.stderr
    assert cli("users", "add", "bob", "--role", "viewer", "--account", ACCOUNT, stdin=PASSWORD).exit_code == 0
    assert cli("users", "role", "bob", "operator").exit_code == 0
    listed = json.loads(cli("users", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["accounts"]) for one in listed] == [
        ("ann", "admin", None),
        ("bob", "operator", [ACCOUNT]),
    ]
    assert cli("users", "role", "bob", "operator", "--all-accounts").exit_code == 0
    assert cli("users", "password", "bob", stdin=PASSWORD).exit_code == 0
    assert cli("users", "remove", "bob").exit_code == 0
    assert [one["name"] for one in json.loads(cli("users", "list", "--json").stdout)] == ["ann"]


def test_bad_input_is_refused_in_one_line(cli: Cli) -> None:
    for arguments, stdin, words in (
        (("add", "ann", "--role", "admin"), "", "the password is read from stdin"),
        (("add", "ann", "--role", "admin"), "short\n", "12 to 200"),
        (("add", "Ann Smith", "--role", "admin"), PASSWORD, "a name has"),
        (("add", "ann", "--role", "admin", "--account", "123"), PASSWORD, "urn:li:sponsoredAccount"),
        (("remove", "nobody"), "", "no person of that name"),
        (("role", "nobody", "admin", "--account", ACCOUNT, "--all-accounts"), "", "exclude each other"),
    ):
        told = cli("users", *arguments, stdin=stdin)
        assert told.exit_code == 2, (arguments, told.stdout)
        assert words in told.stderr
        assert PASSWORD.strip() not in told.stderr


def test_the_last_admin_is_not_removed(cli: Cli) -> None:
    cli("users", "add", "ann", "--role", "admin", stdin=PASSWORD)
    told = cli("users", "remove", "ann")
    assert told.exit_code == 2
    assert "last admin" in told.stderr


def test_a_token_is_printed_once_and_revoked_by_its_number(cli: Cli) -> None:
    made = cli("tokens", "add", "crm", "--role", "operator", "--days", "30", "--account", ACCOUNT)
    token = made.stdout.strip()
    assert token.startswith("syncd_")
    assert "not shown again" in made.stderr
    (listed,) = json.loads(cli("tokens", "list", "--json").stdout)
    assert token not in str(listed)
    assert (listed["name"], listed["role"], listed["accounts"], listed["good"]) == ("crm", "operator", [ACCOUNT], True)
    told = cli("tokens", "revoke", str(listed["id"]))
    assert told.exit_code == 0
    assert token not in told.stdout
    assert "revoked" in cli("tokens", "list").stdout
    assert cli("tokens", "revoke", "999").exit_code == 2
