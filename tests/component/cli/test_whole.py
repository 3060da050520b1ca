"""What holds for the command line as a whole, and its processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from syncd.cli import reference
from syncd.cli.commands import syncd
from syncd.cli.shell import told
from syncd.store.migrate import NEEDED
from tests.component.cli.conftest import configuration
from tests.conftest import sqlite_url


def commands(of: click.Command = syncd, path: str = "syncd") -> Iterator[tuple[str, click.Command]]:
    yield path, of
    if isinstance(of, click.Group):
        for name, inner in of.commands.items():
            yield from commands(inner, f"{path} {name}")


def process(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`python -m syncd` with none of the surrounding settings."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=outside | more,
        timeout=60,
    )


def test_the_reference_is_current() -> None:
    assert reference.FILE.read_text(encoding="utf-8") == reference.reference(), "run python -m syncd.cli.reference"


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_command_and_option_says_what_it_is(path: str) -> None:
    command = dict(commands())[path]
    assert command.help
    unexplained = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]
    assert unexplained == []


def test_nothing_at_all_is_answered_with_help() -> None:
    told = CliRunner().invoke(syncd, [])
    assert told.exit_code == 2
    assert "Commands:" in told.output


def test_bad_configuration_is_one_line_and_exit_code_78(tmp_path: Path) -> None:
    config = tmp_path / "syncd.yaml"
    config.write_text("limitz: 3\n")
    for command in ("run", "migrate", "check"):
        told = CliRunner().invoke(syncd, ["--config", str(config), command])
        assert told.exit_code == 78
        assert told.stderr.startswith("syncd: limitz")
        assert told.stderr.count("\n") == 1


def test_a_database_that_is_not_there_yet_is_not_made_by_looking_at_it(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    told = CliRunner().invoke(syncd, ["--config", str(configuration(tmp_path, sqlite_url(file))), "segments", "list"])
    assert (told.exit_code, "run `syncd migrate`" in told.stderr, file.exists()) == (2, True, False)


def test_a_schema_that_is_not_there_fails(tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    told = CliRunner().invoke(syncd, ["--config", str(configuration(tmp_path, sqlite_url(file))), "segments", "list"])
    assert (told.exit_code, "run `syncd migrate`" in told.stderr) == (1, True)


def test_a_server_that_is_not_there_fails_without_a_traceback(tmp_path: Path) -> None:
    config = configuration(tmp_path, "postgresql+asyncpg://nobody:secret@127.0.0.1:9/none")
    told = process("--config", str(config), "segments", "list")
    assert told.returncode == 1
    assert told.stderr.startswith("syncd: the database cannot be reached")
    assert told.stderr.count("\n") == 1
    assert "secret" not in told.stderr


def test_migrate_says_how_far_it_went(tmp_path: Path) -> None:
    told = process("migrate", SYNCD_DATABASE_URL=sqlite_url(tmp_path / "new.db"))
    assert (told.returncode, told.stdout) == (0, "the schema went from version 0 to 7\n"), told.stderr


def test_the_migrate_of_a_rollback_ends_well_and_says_what_it_found(tmp_path: Path, migrated_file: Path) -> None:
    file = tmp_path / "syncd.db"
    file.write_bytes(migrated_file.read_bytes())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("update alembic_version set version_num = '0009'")
        connection.execute("update schema_state set version = 9")
    told = process("migrate", SYNCD_DATABASE_URL=sqlite_url(file))
    assert (told.returncode, told.stdout) == (
        0,
        f"the schema is version 9, of a later syncd, and works for this one, which needs {NEEDED}\n",
    ), told.stderr


def test_a_daemon_that_cannot_start_says_why_in_one_line(tmp_path: Path, migrated_file: Path) -> None:
    file = tmp_path / "syncd.db"
    file.write_bytes(migrated_file.read_bytes())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "insert into segments (key, name, kind, account, member) values ('trial', 'T', 'company', 'urn', 'demo')"
        )
    config = configuration(tmp_path, sqlite_url(file))
    settings = json.loads(config.read_text()) | {"http": {"port": 0}, "metrics": {"port": 0}}
    config.write_text(json.dumps(settings))
    told = process("--config", str(config), "run")
    assert told.returncode == 78, told.stderr
    assert "syncd: segment trial is a company segment" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_sandbox_takes_its_own_options() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "syncd", "sandbox", "--port", "0", "--clock", "60x", "--users-per-minute", "7"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith("sandbox listening on http://127.0.0.1:")
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 0


def test_a_pipe_that_nobody_reads_is_no_traceback(tmp_path: Path) -> None:
    told = subprocess.run(
        f"{sys.executable} -m syncd --help | true", shell=True, check=False, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in told.stderr


def test_an_error_that_nobody_expected_quotes_nothing() -> None:
    program = """
import sys
from syncd.operations import feeding
def payloads(given):
    raise ValueError(f"{given.decode()} of jane@cnry.example")
feeding.payloads = payloads
from syncd.cli import main
sys.argv[1:] = ["enqueue", "people", "ADD"]
main()
"""
    told = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        input="bearer cnry-12345",
        timeout=60,
    )
    assert told.returncode == 1
    assert told.stdout == ""
    assert "uncaught_exception" in told.stderr
    assert "ValueError" in told.stderr
    assert "cnry" not in told.stderr


def test_an_error_is_one_line_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("there is no segment a\x1b[2J\nb\x9b", 2) == 2
    assert capsys.readouterr().err == "syncd: there is no segment a�[2J b�\n"
