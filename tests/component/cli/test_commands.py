"""The commands as people and programs use them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result

from tests.component.cli.conftest import ACCOUNT, Cli

PERSON = '{"email":"ann@example.com","first_name":"Ann"}'


def read(result: Result) -> object:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_row_can_be_followed_by_its_id(cli: Cli) -> None:
    told = cli("enqueue", "trial", "add", "--subject", "c-1", stdin=PERSON)
    assert told.exit_code == 0, told.stderr
    found = re.search(r"`syncd changes show (\d+)`", told.stdout)
    assert found is not None
    shown = cli("changes", "show", found[1])
    assert re.search(r"outcome +pending", shown.stdout)
    program = read(cli("changes", "show", found[1], "--json"))
    assert isinstance(program, dict)
    assert (program["id"], program["outcome"], program["segment"]) == (int(found[1]), "pending", "trial")
    assert "ann@" not in str(program)


def test_an_id_nobody_knows_fails(cli: Cli) -> None:
    told = cli("changes", "show", "99")
    assert told.exit_code == 1
    assert "the last id drawn is 0" in told.stdout


def test_a_listing_is_aligned_text_in_a_pipe_and_json_for_programs(cli: Cli) -> None:
    created = cli(
        "segments", "create", "new", "--name", "N", "--kind", "user", "--account", ACCOUNT, "--member", "demo"
    )
    assert created.exit_code == 0, created.stderr
    head, row = cli("segments", "list").stdout.splitlines()
    assert head.index("member") == row.index("demo")
    assert "│" not in head
    listed = read(cli("segments", "list", "--json"))
    assert isinstance(listed, dict)
    assert [one["key"] for one in listed["segments"]] == ["new"]


def test_a_segment_is_paused_resumed_and_deleted(cli: Cli) -> None:
    cli("segments", "create", "new", "--name", "N", "--kind", "user", "--account", ACCOUNT, "--member", "demo")
    assert cli("segments", "pause", "new").exit_code == 0
    assert "paused" in cli("segments", "list").stdout
    assert cli("segments", "resume", "new").exit_code == 0
    assert cli("segments", "delete", "new").exit_code == 2
    assert cli("segments", "delete", "new", "--yes").exit_code == 0
    assert "to delete" in cli("segments", "show", "new").stdout


def test_rows_of_a_segment_no_daemon_has_met_are_counted(cli: Cli) -> None:
    cli("enqueue", "trial", "ADD", stdin=f"{PERSON}\n{PERSON}\n")
    assert "2 rows wait for segment trial" in cli("segments", "list").stdout


def test_members_and_the_epoch_are_shown(cli: Cli) -> None:
    assert "no daemon has met it yet" in cli("members", "list").stdout
    assert re.search(r"epoch +1\n", cli("epoch", "show").stdout)
    started = read(cli("epoch", "start", "--reason", "restored", "--json"))
    assert isinstance(started, dict)
    assert started["epoch"] == 2


def test_dead_letters_are_dropped_only_with_a_yes_and_a_choice(cli: Cli) -> None:
    assert cli("dead-letters", "list").stdout == "there are no dead letters\n"
    assert cli("dead-letters", "retry").exit_code == 2
    assert cli("dead-letters", "drop", "--all").exit_code == 2
    assert read(cli("dead-letters", "drop", "--all", "--yes", "--json")) == {"letters": 0, "in_open_batches": 0}


def test_an_import_names_bad_lines_and_imports_nothing(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,shoe\nann@example.com,38\nbob at example.com,44\n")
    refused = cli("import", str(file), "--segment", "trial")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[0].startswith("line 3: invalid_email")
    assert "nothing was imported: 1 of 2 lines" in refused.stderr
    assert "bob" not in refused.output
    done = cli("import", str(file), "--segment", "trial", "--skip-rejects")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        ["columns that are not used: shoe", "1 rows are in the outbox, 1 lines were skipped"],
    )
    program = cli("import", str(file), "--segment", "trial", "--skip-rejects", "--json")
    assert json.loads(program.stdout) == {"imported": 1, "skipped": 1, "reasons": {"invalid_email": 1}}


def test_migrating_twice_changes_nothing(cli: Cli) -> None:
    assert cli("migrate").stdout == "the schema is up to date: version 7\n"


def test_a_failing_check_is_a_failed_command(cli: Cli) -> None:
    checked = cli("check", "--json")
    assert checked.exit_code == 1
    assert [point["name"] for point in json.loads(checked.stdout) if not point["ok"]] == ["member demo: token"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("enqueue", "nobody", "ADD"), "there is no segment nobody: known are trial"),
        (("enqueue", "trial", "CHANGE"), "'CHANGE' is not one of"),
        (("segments", "show", "nobody"), "there is no segment nobody"),
        (("segments", "adopt"), "Missing argument 'KEY'"),
        (("members", "pause", "nobody"), "there is no member nobody"),
        (("dead-letters", "list", "--reason", "because"), "'because' is not one of"),
        (("import", "/no/such/file", "--segment", "trial"), "does not exist"),
        (("epoch", "start"), "Missing option '--reason'"),
        (("changes", "show", "0"), "is not in the range"),
        (("changes", "show", "9223372036854775808"), "is not in the range"),
        (("dead-letters", "retry", "--id", "9223372036854775808"), "is not in the range"),
        (("conquer",), "No such command 'conquer'"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    told = cli(*arguments, stdin=PERSON)
    assert told.exit_code == 2
    assert told.stdout == ""
    assert re.fullmatch(r"syncd: [^\n]*\n", told.stderr)
    assert words in told.stderr
    assert "ann@" not in told.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--try-version", "2026"), "2026 is no version of the API: they are written YYYYMM, as 202610"),
        (("--try-version", "202613"), "202613 is no version of the API"),
        (("--try-version", "202610", "--segment", "nobody"), "there is no segment nobody"),
        (("--try-version", "202610"), "no segment is bound at LinkedIn yet"),
        (("--segment", "trial"), "it needs --try-version"),
    ],
)
def test_a_version_that_cannot_be_tried_is_one_line_and_no_call(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    told = cli("check", *arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert words in told.stderr
    assert len(told.stderr.splitlines()) == 1
