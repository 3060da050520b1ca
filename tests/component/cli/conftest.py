"""`syncd` with a configuration of its own, over SQLite and PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from syncd.cli.commands import syncd

if TYPE_CHECKING:
    from tests.component.cli.served import House

ACCOUNT = "urn:li:sponsoredAccount:123456"
Cli = Callable[..., Result]


@pytest.fixture
def cli(store_url: str, tmp_path: Path) -> Cli:
    """Runs one command; what it says on stdout and stderr is kept apart."""
    config = configuration(tmp_path, store_url)

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(syncd, ["--config", str(config), *arguments], input=stdin)

    return run


def configuration(tmp_path: Path, url: str, origin: str = "http://127.0.0.1:9") -> Path:
    token = tmp_path / "token"
    token.write_text("sandbox-token")
    settings = {
        "database_url": url,
        "linkedin": {
            "base_url": f"{origin}/rest",
            "oauth_url": f"{origin}/oauth/v2",
            "source_platform": "FAKE",
        },
        "members": [{"key": "demo", "access_token_file": str(token)}],
        "segments": [{"key": "trial", "name": "Trial", "kind": "user", "account": ACCOUNT, "member": "demo"}],
    }
    file = tmp_path / "syncd.yaml"
    file.write_text(json.dumps(settings))
    return file


@pytest.fixture(scope="session")
def house(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A database with something in it, to be copied."""
    from tests.component.cli.served import furnished  # noqa: PLC0415  # which needs this module's configuration

    file = tmp_path_factory.mktemp("house") / "syncd.db"
    shutil.copyfile(migrated_file, file)
    return furnished(file)
