"""What the image promises, read from its Dockerfile: locked, without tools, without secrets, by an ordinary user."""

from __future__ import annotations

import re

from tests.house.test_house import ROOT

DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
BUILD, FINAL = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]


def test_everything_that_is_installed_is_locked_by_hash() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", DOCKERFILE)
    assert len(installs) == 3
    for arguments in installs:
        assert "--require-hashes" in arguments or "--no-index" in arguments, arguments


def test_the_final_image_has_no_pip_and_no_build_tools() -> None:
    assert re.search(r"pip uninstall --yes pip", BUILD)
    assert re.search(r"rm -rf /usr/local/bin/pip", FINAL)
    assert not re.search(r"apt-get|apk |pip install|curl|wget", FINAL)


def test_it_runs_as_an_ordinary_user_by_number_and_gets_signals_itself() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", FINAL, re.MULTILINE)
    assert int(user) > 0
    assert re.search(r'^ENTRYPOINT \["', FINAL, re.MULTILINE)
    assert FINAL.rindex("USER ") < FINAL.rindex("ENTRYPOINT")


def test_no_secret_is_an_argument_or_a_variable_of_the_image() -> None:
    told = re.findall(r"^(?:ARG|ENV) .*$", DOCKERFILE, re.MULTILINE)
    assert told
    assert not [line for line in told if re.search(r"token|secret|password|key", line, re.IGNORECASE)]


def test_only_what_the_image_is_made_of_is_sent_to_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert "!config" not in rules
    assert "!tests" not in rules
