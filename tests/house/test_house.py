"""What the whole repository promises: floors, sizes, locks that name no host, and chores that explain themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
LOCKS = ["requirements.lock", "requirements-dev.lock"]

# Written in pieces, so that this file is not found by its own search.
REGISTRIES = re.compile(
    "|".join(("py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(org|com)", r"deb\.deb" + "ian"))
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.:/-])/(?:" + "|".join(("ro" + "ot", "wo" + "rk", r"ho" + r"me/\w+", "Us" + r"ers/\w+")) + ")/"
)


@cache
def repository_files() -> tuple[Path, ...]:
    """What git tracks, or would track at the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(file for name in sorted(set(listed.split("\0")) - {""}) if (file := ROOT / name).is_file())


def texts() -> list[tuple[str, str]]:
    """Name and content of each text file."""
    found = []
    for file in repository_files():
        content = file.read_bytes()
        if b"\0" not in content:
            found.append((str(file.relative_to(ROOT)), content.decode("utf-8")))
    return found


def test_a_floor_imports_only_the_floors_below_it() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registry", "machine path"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {match[0]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := pattern.search(line))
    ]
    assert found == []


def test_every_source_file_fits_in_one_head() -> None:
    sizes = {name: text.count("\n") for name, text in texts() if re.match(r"(syncd|migrations)/.*\.py$", name)}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def makefile_targets() -> list[str]:
    """The rules of the Makefile, except files."""
    return re.findall(r"^[a-z][\w-]*:(?!=).*$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_make_target_says_what_it_does() -> None:
    assert [line for line in makefile_targets() if not re.search(r" ## \S", line)] == []


def test_make_lists_every_target() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    names = [line.partition(":")[0] for line in makefile_targets()]
    assert [line.split()[1] for line in listed.splitlines()] == names
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert sorted(phony[1].split()) == sorted(names)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_every_package_by_hash_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|^\s*--(?!hash=)| @ ", text, re.MULTILINE)
    requirements = re.split(r"\n(?=\S)", text.strip().replace("\\\n", ""))
    unpinned = [
        each
        for each in requirements
        if not re.match(r"[\w.-]+(\[[\w,-]+\])?==[^ ;]+( ; [^\n]+?)?\s+--hash=sha256:", each)
    ]
    assert requirements
    assert unpinned == []


def test_what_runs_is_locked_alike_for_tests() -> None:
    runtime, development = (
        set(re.findall(r"^[^\s#]+==\S+", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS
    )
    assert runtime - development == set()


def test_the_security_page_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 40
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []


def links() -> list[tuple[str, str]]:
    """Every relative link of every page, with its page."""
    pages = [(name, text) for name, text in texts() if name.endswith(".md")]
    found = [(name, link) for name, text in pages for link in re.findall(r"\]\(([^)#\s]+)", text)]
    return [(name, link) for name, link in found if "://" not in link and not link.startswith("mailto:")]


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    found = links()
    assert found
    assert [(name, link) for name, link in found if not (ROOT / name).parent.joinpath(link).exists()] == []


WALL_CLOCK = {
    "service.py", "rounds.py", "linkedin/transport.py", "operations/members.py", "operations/canary.py", "operations/voices.py",
}  # fmt: skip
"""Where the wall clock is read: for the ends of tokens and versions, which LinkedIn states by it, and for an HTTP date."""


def test_no_wait_lease_or_order_is_decided_by_the_wall_clock() -> None:
    found = {
        name.removeprefix("syncd/")
        for name, text in texts()
        if re.match(r"syncd/(?!sandbox/|cli/demo/).*\.py$", name)
        and re.search(r"\btime\.time\b|datetime\.now|utcnow", text)
    }
    assert found - WALL_CLOCK == set()
