"""The stage: a directory with everything the demo's processes need, and the processes on it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from cryptography.fernet import Fernet

from syncd.cli.demo.crm import ACCOUNTS, CUSTOMERS, NEWSLETTER
from syncd.cli.demo.processes import Process
from syncd.operations.opening import upgrade
from syncd.settings import Linkedin

INSTANCE: Final = "demo"
_ACCOUNT: Final = "urn:li:sponsoredAccount:123456"
_TOKEN: Final = "sandbox-token"  # noqa: S105 - it protects nothing
_CLOCK: Final = "3600x"
_VERSION: Final = Linkedin().api_version
"""Served for ever: by a clock that runs so fast, every version would have ended in two hours."""
PERSON: Final = "admin"
PASSWORD: Final = "look-around-in-syncd"  # noqa: S105 - it opens a console on loopback, over people who are made up
_DRAIN: Final = 30.0
_PEOPLE: Final = "select 'contact-' || id as subject_id, email from contacts where "
_FIRMS: Final = (
    "select 'company-' || id as subject_id, name, website_domain, industry, country from companies where target"
)
_SEGMENTS: Final = (
    (NEWSLETTER, "Newsletter", "user", _PEOPLE + "subscribed"),
    (CUSTOMERS, "Customers", "user", _PEOPLE + "customer"),
    (ACCOUNTS, "Target accounts", "company", _FIRMS),
)


class Sandbox:
    """What only our LinkedIn tells: who is in a segment, and how many requests came."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url: Final = url
        self._session = session

    async def segments(self) -> dict[str, dict[str, Any]]:
        """Ours, by our key."""
        found = await self._get("/_sandbox/segments")
        prefix = f"{INSTANCE}:"
        ours = [one for one in found if (one["sourceSegmentId"] or "").startswith(prefix)]
        return {one["sourceSegmentId"].removeprefix(prefix): one for one in ours}

    async def limits(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._get("/_sandbox/limits")
        return found

    async def members(self, dmp_id: int) -> set[str]:
        async with self._session.get(f"{self.url}/_sandbox/segments/{dmp_id}/members") as response:
            response.raise_for_status()
            return set((await response.text()).splitlines())

    async def use_in_campaign(self, dmp_id: int) -> None:
        """A segment that no campaign uses is archived after thirty days: half an hour of the demo's."""
        url = f"{self.url}/_sandbox/segments/{dmp_id}"
        async with self._session.patch(url, json={"campaign": True}) as response:
            response.raise_for_status()

    async def _get(self, path: str) -> Any:
        async with self._session.get(self.url + path) as response:
            response.raise_for_status()
            return await response.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs."""

    directory: Path
    database: Path
    sandbox: Sandbox
    daemon: Process
    server: Process
    metrics_url: str
    console_url: str
    config: Path

    @property
    def database_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.database}"

    def check(self) -> None:
        """Raises Died if a process ended."""
        self.server.check()
        self.daemon.check()


@asynccontextmanager
async def staged(directory: Path) -> AsyncIterator[Stage]:
    """Sandbox and daemon over a fresh database in the directory; in the end the daemon drains, then the sandbox stops."""
    database = directory / "syncd.db"
    await upgrade(f"sqlite+aiosqlite:///{database}")
    options = ("--clock", _CLOCK, "--active-version", _VERSION)
    server = await Process.start("sandbox", ("sandbox", "--port", "0", *options), directory)
    try:
        url = (await server.said("listening on")).rpartition(" ")[2]
        http, metrics = _free_port(), _free_port()
        config = _write(directory, database, url, http, metrics)
        daemon = await Process.start("daemon", ("--config", str(config), "run"), directory)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
                yield Stage(
                    directory=directory,
                    database=database,
                    sandbox=Sandbox(url, session),
                    daemon=daemon,
                    server=server,
                    metrics_url=f"http://127.0.0.1:{metrics}/metrics",
                    console_url=f"http://127.0.0.1:{http}/",
                    config=config,
                )
        finally:
            await daemon.stop(_DRAIN)
    finally:
        await server.stop(5.0)


def _write(directory: Path, database: Path, url: str, http: int, metrics: int) -> Path:
    """The configuration, as JSON, which is YAML too; and the token's file."""
    token = directory / "access_token"
    token.write_text(_TOKEN + "\n", encoding="utf-8")
    token.chmod(0o600)
    settings = {
        "instance": INSTANCE,
        "database_url": f"sqlite+aiosqlite:///{database}",
        "linkedin": {"base_url": f"{url}/rest", "oauth_url": f"{url}/oauth/v2", "source_platform": "SYNCD_DEMO"},
        "http": {"port": http, "first_admin_password": PASSWORD},
        "secret_keys": Fernet.generate_key().decode(),
        "metrics": {"port": metrics},
        "tracker": {"interval": 2},
        "log": {"format": "json"},
        "erasure": {"key": Fernet.generate_key().decode()},
        "members": [{"key": "demo", "access_token_file": str(token)}],
        "segments": [
            {
                "key": key,
                "name": name,
                "kind": kind,
                "account": _ACCOUNT,
                "member": "demo",
                "source": {"database_url": f"sqlite+aiosqlite:///{database}", "query": query},
            }
            for key, name, kind, query in _SEGMENTS
        ],
    }
    file = directory / "syncd.yaml"
    file.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return file


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
