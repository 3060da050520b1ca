"""`syncd demo`: the whole of syncd on one machine, as a newcomer meets it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "syncd", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(of: int) -> list[int]:
    """The processes that one started, by number."""
    listed = Path(f"/proc/{of}/task/{of}/children").read_text()
    return [int(number) for number in listed.split()]


def command_line(of: int) -> str:
    return Path(f"/proc/{of}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def following(lines: IO[str]) -> str:
    """The line after the one that names the console and its account."""
    assert re.match(r"console: http://127\.0\.0\.1:\d+/ \(sign in as admin, password \S+\)", lines.readline())
    return lines.readline()


@pytest.fixture
def small() -> tuple[str, ...]:
    return ("--contacts", "3000", "--companies", "200")


def test_everybody_in_the_crm_ends_where_they_belong(small: tuple[str, ...], tmp_path: Path) -> None:
    with start("--once", *small, "--directory", str(tmp_path / "demo")) as demo:
        said, complaints = demo.communicate(timeout=120)
    assert demo.returncode == 0, said + complaints
    assert complaints == ""
    verdicts = re.findall(r"^([\w-]+): [\d,]+ in the CRM, at LinkedIn: (\w+)$", said, re.MULTILINE)
    assert verdicts == [("newsletter", "equal"), ("customers", "equal"), ("target-accounts", "equal")]
    total, applied, superseded, dead = (
        int(re.search(rf"([\d,]+) {word}", said.splitlines()[-5])[1].replace(",", ""))  # type: ignore[index]
        for word in ("rows in", "applied", "superseded", "dead")
    )
    assert (total, dead > 0) == (applied + superseded + dead, True)
    log = (tmp_path / "demo" / "daemon.log").read_text()
    assert "example.com" not in log.lower()
    assert "sandbox-token" not in log


def test_an_interrupt_drains_the_daemon_and_ends_well(small: tuple[str, ...], tmp_path: Path) -> None:
    with start(*small, "--directory", str(tmp_path / "demo")) as demo:
        assert demo.stdout is not None
        assert "committed" in following(demo.stdout)
        started = children(demo.pid)
        demo.send_signal(signal.SIGINT)
        said, complaints = demo.communicate(timeout=60)
    assert (demo.returncode, complaints) == (0, ""), said + complaints
    assert "the daemon drains" in said
    assert len(started) == 2
    assert not [number for number in started if Path(f"/proc/{number}").exists()]
    assert "stopped" in (tmp_path / "demo" / "daemon.log").read_text()


def test_a_daemon_that_dies_is_reported_with_its_last_words(small: tuple[str, ...]) -> None:
    with start(*small) as demo:
        assert demo.stdout is not None
        assert "committed" in following(demo.stdout)
        (daemon,) = (number for number in children(demo.pid) if " run" in command_line(number))
        os.kill(daemon, signal.SIGKILL)
        _, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "last lines of the daemon:" in complaints
    assert "syncd: the daemon ended by itself with code -9" in complaints
    assert "Traceback" not in complaints


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with start("--directory", str(tmp_path)) as demo:
        _, complaints = demo.communicate(timeout=60)
    assert (demo.returncode, "is not empty" in complaints) == (2, True)
