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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from sqlalchemy.engine import make_url

from syncd.admin.uploads import MOST_BYTES
from syncd.cli.commands import syncd
from syncd.operations.oidc import BACK
from syncd.settings.web import Oidc
from tests.acceptance.rig import Rig
from tests.chart.certificates import authority
from tests.chart.pooler import pooled
from tests.chart.rendering import render, values
from tests.conftest import fresh_database
from tests.house.test_house import ROOT
from tests.postgres import PostgresServer, binaries

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
CLUSTER = {"kubectl", "helm", "buildah", "make"}


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    with fresh_database(postgres_server, migrated_template) as url:
        yield url


def blocks(kind: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def block(kind: str) -> Any:
    (found,) = blocks(kind)
    return yaml.safe_load(found)


def test_every_block_says_what_it_is() -> None:
    kinds = set(re.findall(r"^```(.+)$", PAGE, re.MULTILINE))
    assert kinds == {
        *("sh runnable", "sh cluster", "sh yours", "yaml values", "yaml more", "yaml trial", "yaml external"),
        "ini pgbouncer",
    }


@dataclass(frozen=True, kw_only=True)
class Database:
    """PostgreSQL, and the address at which it is reached by TLS, signed by `trusted`. It is PgBouncer that speaks TLS: the
    PostgreSQL of the tests is built without.
    """

    server: PostgresServer
    address: str
    trusted: Path


@contextmanager
def guarded(folder: Path) -> Iterator[Database]:
    trusted = authority(folder / "authority")
    roles = ("syncd_migrator", "syncd_daemon")
    with (
        PostgresServer() as server,
        pooled(server.url(), "session", roles=roles, certificate=trusted.with_name("server.cert")) as url,
    ):
        yield Database(server=server, address=f"127.0.0.1:{make_url(url).port}", trusted=trusted)


def told(script: list[str], database: Database, folder: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of commands of the page where a reader has set what is theirs to set."""
    admin = {"PGHOST": "127.0.0.1", "PGPORT": str(database.server.port), "PGUSER": "syncd"}
    yours = {
        "PGDATABASE": "crm",
        "DATABASE": f"{database.address}/crm?ssl=verify-full",
        "PGSSLROOTCERT": str(database.trusted),
        "CONSOLE": "https://console.example.com",
        "RUNBOOK": "https://wiki.example.com/runbook",
    }
    assert set(re.findall(r"^export (\w+)=", "".join(blocks("sh yours")), re.MULTILINE)) == {*yours, "PATH"}
    assert "?ssl=verify-full'" in blocks("sh yours")[0]
    for name in ("migrations", "helm"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    path = f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", "\n".join(["set -euo pipefail", *script])],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8"} | admin | yours,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_needs_no_cluster_runs_from_top_to_bottom(tmp_path: Path) -> None:
    with guarded(tmp_path) as database:
        ran = told(["createdb crm", *blocks("sh runnable")], database, tmp_path)
        assert ran.returncode == 0, ran.stderr
        keys = kept_for_good(tmp_path)
        (sections,) = re.findall(r"^## 3\. .*?(?=^## 5\. )", PAGE, re.MULTILINE | re.DOTALL)
        anew = ["dropdb --force crm", "createdb crm", *blocks("sh runnable", sections)]
        lost = told(anew, database, tmp_path)
        assert lost.returncode == 0, lost.stderr
        assert kept_for_good(tmp_path) == keys
    assert len(blocks("sh runnable")) >= 11
    assert "ERROR" not in ran.stderr + lost.stderr
    assert re.search(r"epoch +2\b", ran.stdout), ran.stdout
    for file in (tmp_path / "deploy.secret").iterdir():
        if file.name != "syncd.dump":
            assert file.read_text().strip() not in ran.stdout + ran.stderr
    assert (tmp_path / "deploy.secret").stat().st_mode & 0o077 == 0
    by_hand = {file.name: file.read_text() for file in (tmp_path / "deploy.out").iterdir()}
    assert len(by_hand) == 4
    for name, text in by_hand.items():
        assert "syncd.example" not in text, name
        assert "https://wiki.example.com/runbook" in text, name
    assert len((tmp_path / "people.ndjson").read_text().splitlines()) == 400


def kept_for_good(folder: Path) -> list[str]:
    """What may be made once only: with other keys nobody knows who was erased, and no sealed token opens."""
    return [(folder / "deploy.secret" / key).read_text() for key in ("secret_keys", "erasure_key")]


def test_the_certificate_is_checked_and_nothing_works_without_its_authority(tmp_path: Path) -> None:
    """`ssl=verify-full` alone is not enough for the driver: it wants to be told whom to believe."""
    connect = 'SYNCD_DATABASE_URL="postgresql+asyncpg://syncd@$DATABASE" syncd migrate'
    another = authority(tmp_path / "another")
    with guarded(tmp_path) as database:
        done = told(["createdb crm", connect], database, tmp_path)
        assert done.returncode == 0, done.stderr
        for spoilt, words in (
            ("unset PGSSLROOTCERT", "name the file in PGSSLROOTCERT (the chart's databaseCa)"),
            (f"export PGSSLROOTCERT={another}", "cannot be reached: SSLCertVerificationError"),
        ):
            refused = told([spoilt, connect], database, tmp_path)
            assert refused.returncode == 1, spoilt
            assert words in refused.stderr


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


def test_the_page_makes_every_secret_and_configmap_that_any_of_its_values_names() -> None:
    made = re.findall(r"create (?:secret generic|configmap) (\S+) (.*)$", PAGE, re.MULTILINE)
    keys = {name: set(re.findall(r"--from-file=([\w.]+)=", rest)) for name, rest in made}
    given = block("yaml values")
    for extra in ({}, *map(yaml.safe_load, blocks("yaml more"))):
        whole = render(values(extra, base=given))
        keys |= {one["metadata"]["name"]: set(one["data"]) for one in whole.of("ConfigMap")}
        for where, pod in whole.pods():
            for volume in pod.get("volumes", []):
                for source in volume.get("projected", {}).get("sources", []):
                    named = source.get("secret") or source["configMap"]
                    assert {item["key"] for item in named["items"]} <= keys.get(named["name"], set()), (where, named)
    external = block("yaml external")
    assert {one["secretKey"] for one in external["spec"]["data"]} == keys[external["spec"]["target"]["name"]]


def test_the_page_says_what_an_identity_provider_must_know() -> None:
    (config,) = (yaml.safe_load(one)["config"] for one in blocks("yaml more") if "public_url" in one)
    assert f"`{config['http']['public_url']}{BACK}`" in PAGE
    fields = Oidc.model_fields
    for name in ("role_claim", "viewer", "operator", "admin", "accounts_claim", "all_accounts"):
        assert f"`{fields[name].default}`" in PAGE, name


def test_a_file_of_people_comes_through_the_ingress() -> None:
    """ingress-nginx refuses a body above 1 MiB, and waits a minute for an answer, unless it is told."""
    (ingress,) = (one for one in map(yaml.safe_load, blocks("yaml more")) if "ingress" in one)
    told = {name.partition("/")[2]: text for name, text in ingress["ingress"]["annotations"].items()}
    assert int(told["proxy-body-size"].removesuffix("g")) * 1024**3 >= MOST_BYTES
    assert int(told["proxy-read-timeout"]) >= 300


def test_the_page_names_the_version_that_is_released() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    chart = yaml.safe_load((ROOT / "helm" / "Chart.yaml").read_text())
    assert version is not None
    assert {chart["version"], chart["appVersion"], *re.findall(r"syncd[-:](\d+\.\d+\.\d+)", PAGE)} == {version[1]}


async def test_the_trial_becomes_ready_as_the_page_plays_it(tmp_path: Path, postgres_url: str) -> None:
    trial = block("yaml trial")
    (segment,) = yaml.safe_load(render(trial).of("ConfigMap")[0]["data"]["syncd.yaml"])["segments"]
    (people,) = [one for one in blocks("sh runnable") if "people.ndjson" in one]
    (contacts,) = [one for one in blocks("sh runnable") if "contacts.csv" in one]
    subprocess.run(["bash", "-c", f"{people}\n{contacts}"], cwd=tmp_path, check=True)
    async with Rig(
        tmp_path,
        postgres_url,
        segments=((segment["key"], segment["kind"], segment["member"]),),
        members={segment["member"]: "sandbox-token"},
        sandbox_options=trial["sandbox"]["options"],
        settings={"SYNCD_TRACKER__INTERVAL": str(trial["config"]["tracker"]["interval"])},
    ) as rig:
        daemon = await rig.daemon()
        await rig.command("enqueue", segment["key"], "ADD", "--file", "people.ndjson")
        await rig.command("import", "contacts.csv", "--segment", segment["key"], "--subject-column", "id")
        await rig.wait_until(rig.is_drained, "everybody was sent", daemon)
        await rig.control("clock", {"advance": 48 * 3600})

        async def ready() -> bool:
            return "READY" in await rig.command("segments", "list")

        await rig.wait_until(ready, "the segment is READY", daemon, pause=0.5)
        assert await daemon.stop() == 0
