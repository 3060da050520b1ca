"""docs/deploy.md is true: what needs no cluster is run, what needs one is looked at as far as it can be without.

Blocks of the page say in their first line what they are: `sh runnable` is run here, in order, against a PostgreSQL of the
test's own; `sh yours` is what a reader sets; `sh cluster` needs one, so each program, each chart's file and each of syncd's
own commands in it is looked up; `yaml` is rendered.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from syncd.cli.commands import syncd
from tests.chart.rendering import render, values
from tests.house.test_house import ROOT
from tests.postgres import PostgresServer, binaries

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
CLUSTER = {"kubectl", "helm", "buildah", "make"}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(kind: str) -> Any:
    (found,) = blocks(kind)
    return yaml.safe_load(found)


def test_every_block_says_what_it_is() -> None:
    kinds = set(re.findall(r"^```(.+)$", PAGE, re.MULTILINE))
    assert kinds == {
        *("sh runnable", "sh cluster", "sh yours", "yaml values", "yaml more", "yaml trial", "yaml external"),
        "ini pgbouncer",
    }


def test_what_needs_no_cluster_runs_from_top_to_bottom(tmp_path: Path) -> None:
    with PostgresServer() as server:
        admin = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "syncd", "PGDATABASE": "crm"}
        yours = {"PGDATABASE": "crm", "DATABASE": f"127.0.0.1:{server.port}/crm"}
        assert set(re.findall(r"^export (\w+)=", "".join(blocks("sh yours")), re.MULTILINE)) == {*yours, "PATH"}
        (tmp_path / "migrations").symlink_to(ROOT / "migrations")
        script = "\n".join(["set -euo pipefail", "createdb crm", *blocks("sh runnable")])
        path = f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"} | admin | yours,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert len(blocks("sh runnable")) >= 7
    assert "ERROR" not in ran.stderr
    for file in (tmp_path / "deploy.secret").iterdir():
        if file.suffix in {".password", ".url"} or file.name == "secret_keys":
            assert file.read_text().strip() not in ran.stdout + ran.stderr
    assert (tmp_path / "deploy.secret").stat().st_mode & 0o077 == 0


def commands() -> list[str]:
    return [line for one in blocks("sh cluster") for line in one.splitlines() if line]


@pytest.mark.parametrize("line", commands())
def test_a_command_for_a_cluster_names_what_exists(line: str) -> None:
    words = shlex.split(line)
    assert words[0] in CLUSTER
    if "--" in words:
        inner = words[words.index("--") + 1 :]
        if inner[0] == "sh":
            inner = shlex.split(inner[2].partition("&&")[2].partition(";")[0])
        assert inner[0] == "syncd"
        looked_up(inner[1:])
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert all(f"\n{target}:" in makefile for target in words[1:])


def looked_up(words: list[str]) -> None:
    """Parses a command of syncd's as click does, without running it."""
    words = [__file__ if word.startswith("/tmp/") else word for word in words]
    words = words[: words.index("<")] if "<" in words else words
    command: click.Command = syncd
    context = click.Context(syncd, info_name="syncd")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    command.parse_args(context, list(words))


def test_the_values_of_the_page_install() -> None:
    given = block("yaml values")
    whole = render(given)
    assert {"Deployment", "Job", "NetworkPolicy", "Service"} <= {one["kind"] for one in whole.documents}
    for extra in map(yaml.safe_load, blocks("yaml more")):
        assert len(render(values(extra, base=given)).documents) >= len(whole.documents)
    assert render(block("yaml trial"), name="trial").one("Deployment")["metadata"]["name"] == "trial-syncd"


def test_the_secrets_that_the_page_makes_are_those_that_its_values_name() -> None:
    made = dict(re.findall(r"create secret generic (\S+) (.*)$", PAGE, re.MULTILINE))
    keys = {name: set(re.findall(r"--from-file=(\w+)=", rest)) for name, rest in made.items()}
    for where, pod in render(block("yaml values")).pods():
        for volume in pod.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                if "secret" in source:
                    assert {item["key"] for item in source["secret"]["items"]} <= keys[source["secret"]["name"]], where
    external = block("yaml external")
    assert {one["secretKey"] for one in external["spec"]["data"]} == keys[external["spec"]["target"]["name"]]


def test_the_page_names_the_version_that_is_released() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    chart = yaml.safe_load((ROOT / "helm" / "Chart.yaml").read_text())
    assert version is not None
    assert {chart["version"], chart["appVersion"], *re.findall(r"syncd[-:](\d+\.\d+\.\d+)", PAGE)} == {version[1]}
