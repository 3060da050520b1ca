"""`syncd erase` and `syncd opt-outs`: a person comes by stdin or file, and never comes out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.component.cli.conftest import Cli

PERSON = "cnry.ann@example.com"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_ERASURE__KEY", Fernet.generate_key().decode())


def test_an_erasure_begins_from_stdin_and_can_be_followed(cli: Cli) -> None:
    begun = cli("erase", "--reason", "request 7", "--file", "-", "--yes", stdin=f"{PERSON}\n")
    assert begun.exit_code == 0, begun.stderr
    assert "erasure 1 has begun" in begun.stdout
    shown = cli("erasures", "show", "1")
    assert "erasure 1 is running" in shown.stdout
    told = json.loads(cli("erasures", "evidence", "1").stdout)
    assert (told["reason"], told["asked_by"]) == ("request 7", "command line")
    assert json.loads(cli("erasures", "list", "--json").stdout)[0]["status"] == "running"
    said = begun.stdout + shown.stdout + json.dumps(told)
    assert "cnry" not in said


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("erase", "--reason", "x", "--file", "-"), PERSON, "needs --yes"),
        (("erase", "--reason", "x", "--yes"), "", "say whom"),
        (("erase", "--reason", "x", "--yes", "--file", "-"), "no address", "names nobody"),
        (("erase", "--reason", "x", "--yes", "--file", "-"), f"{PERSON}\nb@example.com", "one person"),
        (("erase", "--reason", PERSON, "--yes", "--file", "-"), PERSON, "reason is kept"),
        (("erasures", "show", "9"), "", "there is no erasure 9"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_the_person(
    cli: Cli, arguments: tuple[str, ...], stdin: str, words: str
) -> None:
    refused = cli(*arguments, stdin=stdin)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert "cnry" not in refused.stderr


def test_without_a_key_nothing_is_erased(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCD_ERASURE__KEY")
    refused = cli("erase", "--reason", "x", "--yes", "--file", "-", stdin=PERSON)
    assert refused.exit_code == 78
    assert "SYNCD_ERASURE__KEY" in refused.stderr


def test_a_file_of_opt_outs_is_added_checked_and_removed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text(f"{PERSON}\n\nno address\nb@example.com\n")
    added = cli("opt-outs", "add", "--file", str(file))
    assert "2 people are new" in added.stdout
    assert added.exit_code == 2
    assert "3" in added.stderr
    checked = cli("opt-outs", "check", "--file", "-", "--json", stdin=PERSON)
    assert json.loads(checked.stdout)["kind"] == "opt_out"
    assert "may be added" in cli("opt-outs", "remove", "--file", "-", stdin=PERSON).stdout
    assert "not on the list" in cli("opt-outs", "check", "--file", "-", stdin=PERSON).stdout
    assert "not on the list" in cli("opt-outs", "remove", "--file", "-", stdin=PERSON).stdout
