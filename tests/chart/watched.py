"""A running syncd that meets everything its metrics tell of, and a real Prometheus that scrapes it.

What dashboards and alerts ask must be there in the end. One play takes half a minute, so all tests share what it saw.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from syncd.store.tables import segments
from tests.acceptance.rig import Process, Rig
from tests.faults.preludes import HASTE
from tests.faults.surfaces import metrics_url

SEGMENTS = (
    ("people", "user", "ads"),
    ("firms", "company", "ads"),
    ("silent", "user", "mute"),
)
_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """`missing` are selectors without a series; `answers` by expression; `rules` with their health; `scraped` by name."""

    missing: frozenset[str]
    answers: dict[str, dict[str, Any]]
    rules: list[dict[str, Any]]
    scraped: frozenset[str]


class Prometheus:
    """One server with a folder of its own; `url` answers once it is ready."""

    def __init__(
        self, binary: str, folder: Path, target: str, rules: Sequence[Path], http: aiohttp.ClientSession
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._http = http
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(one) for one in rules],
            "scrape_configs": [{"job_name": "syncd", "static_configs": [{"targets": [target]}]}],
        }
        file = folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(config))
        self._log = (folder / "prometheus.log").open("wb")
        self._child = subprocess.Popen(
            [
                *(binary, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        self._child.send_signal(signal.SIGTERM)
        self._child.wait(20)
        self._log.close()

    async def ready(self) -> bool:
        assert self._child.poll() is None, "prometheus ended"
        try:
            async with self._http.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def get(self, path: str, **query: str) -> Any:
        """What the API answers, whether well or not."""
        async with self._http.get(f"{self.url}/api/v1/{path}", params=query) as answer:
            return await answer.json()

    async def has(self, selector: str) -> bool:
        return bool((await self.get("series", **{"match[]": selector}))["data"])


async def watch(
    binary: str, folder: Path, database_url: str, rules: Sequence[Path], asked: tuple[Iterable[str], Iterable[str]]
) -> Seen:
    """Plays everything; `asked` are selectors, which must all have a series in the end, and expressions."""
    selectors, exprs = asked
    async with _watched(binary, folder, database_url, rules) as (rig, daemon, prometheus):
        await play(rig, daemon, prometheus)
        missing = set(selectors)
        deadline = time.monotonic() + _PATIENCE
        while missing and time.monotonic() < deadline:
            missing -= {one for one in missing if await prometheus.has(one)}
            await asyncio.sleep(0.2 if missing else 0)
        answers = {expr: await prometheus.get("query", query=expr) for expr in exprs}
        groups = (await prometheus.get("rules"))["data"]["groups"]
        names = (await prometheus.get("label/__name__/values"))["data"]
        assert await daemon.stop() == 0
        return Seen(
            missing=frozenset(missing),
            answers=answers,
            rules=[rule for group in groups for rule in group["rules"]],
            scraped=frozenset(names),
        )


@asynccontextmanager
async def _watched(
    binary: str, folder: Path, database_url: str, rules: Sequence[Path]
) -> AsyncIterator[tuple[Rig, Process, Prometheus]]:
    rig = Rig(folder, database_url, segments=SEGMENTS, members={"ads": "access-of-ads", "mute": "access-of-mute"})
    async with rig:
        pair = {"token": "access-of-ads-2", "refresh_token": "refresh-of-ads"}
        await rig.control("tokens", {"do": "issue", "member": "ads", **pair})
        daemon = await rig.daemon(HASTE, **_members(folder))
        prometheus = Prometheus(binary, folder, metrics_url(daemon).split("/")[2], rules, rig.http)
        try:
            await rig.wait_until(prometheus.ready, "prometheus is ready", daemon)
            yield rig, daemon, prometheus
        finally:
            prometheus.close()


def _members(folder: Path) -> dict[str, str]:
    """One member whose tokens syncd renews, and one with nothing but an access token."""
    for name, secret in (("token", "access-of-ads-2"), ("refresh", "refresh-of-ads"), ("secret", "demo-secret")):
        (folder / f"ads.{name}").write_text(secret)
    renewed = {
        "key": "ads",
        "client_id": "demo-app",
        "access_token_file": str(folder / "ads.token"),
        "refresh_token_file": str(folder / "ads.refresh"),
        "client_secret_file": str(folder / "ads.secret"),
    }
    plain = {"key": "mute", "access_token_file": str(folder / "mute.token")}
    return {"SYNCD_MEMBERS": json.dumps([renewed, plain]), "SYNCD_SECRET_KEYS": Fernet.generate_key().decode()}


async def play(rig: Rig, daemon: Process, prometheus: Prometheus) -> None:
    """Traffic, bad data, a resync, refusals, throttles, lost answers, tokens that end, a segment that expires, a database that
    hangs up.
    """
    await rig.wait_until(lambda: _bound(rig), "segments are bound", daemon)
    await rig.commit("people", [("ADD", {"email": f"p{n}@example.com"}, None) for n in range(900)])
    await rig.commit("people", [("ADD", {"email": "no address"}, None)])
    await rig.commit("firms", [("ADD", {"website_domain": f"f{n}.example"}, None) for n in range(50)])
    await rig.commit("nobodys", [("ADD", {"email": "p@example.com"}, None)])
    await rig.wait_until(lambda: _drained(rig), "it is all there", daemon)
    first = 'syncd_delivery_lag_seconds_count{segment="people"}'
    await rig.wait_until(lambda: prometheus.has(first), "a rate has something to start from", daemon)
    await _resync(rig, daemon, prometheus)
    throttle = {"kind": "status", "status": 429, "body": {"message": "slow down"}}
    await rig.control("faults", {"match": {"resource": "companies"}, "effect": throttle})
    for effect in ({"kind": "status", "status": 503, "body": {}}, {"kind": "reset", "apply": True}):
        await rig.control("faults", {"match": {"resource": "users"}, "effect": effect})
        await rig.commit("people", [("ADD", {"email": f"{effect['kind']}@example.com"}, None)])
        await rig.wait_until(lambda: _played(rig, "users"), "the fault struck", daemon)
    await rig.control("tokens", {"do": "expire", "member": "ads"})
    (rig.directory / "mute.token").write_text("another's")
    number = (await rig.dmp_segments())["people"]["id"]
    await rig.control(f"segments/{number}", {"status": "READY", "campaign": True}, "PATCH")
    await rig.control("clock", {"advance": 3 * 86_400})
    matched = 'syncd_segment_matched_count{segment="people"}'
    await rig.wait_until(lambda: prometheus.has(matched), "LinkedIn has counted", daemon)
    await rig.control(f"segments/{number}", {"status": "EXPIRED", "clear": True}, "PATCH")
    await rig.commit("firms", [("ADD", {"website_domain": "late.example"}, None)])
    await rig.commit("silent", [("ADD", {"email": "p@example.com"}, None)])
    hang_up = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
    async with rig.database.begin() as connection:
        await connection.execute(text(hang_up))
    await rig.wait_until(lambda: daemon.events("database_failed"), "the database hung up", daemon)
    await rig.wait_until(lambda: daemon.events("token_refreshed"), "the token was renewed", daemon)
    await rig.wait_until(lambda: daemon.events("member_parked"), "a member is parked", daemon)
    await rig.wait_until(lambda: daemon.events("segment_parked"), "a segment is parked", daemon)


async def _resync(rig: Rig, daemon: Process, prometheus: Prometheus) -> None:
    """A replay that LinkedIn holds up until it has been scraped; then it ends."""
    failing = {"kind": "status", "status": 503, "body": {}}
    await rig.control("faults", {"match": {"resource": "users"}, "times": 1_000, "effect": failing})
    await rig.command("resync", "people", "--mode", "replay", "--reason", "a drill")
    progress = 'syncd_resync_progress_ratio{segment="people"}'
    await rig.wait_until(lambda: prometheus.has(progress), "the resync is scraped", daemon)
    await rig.control("faults", None, "DELETE")
    await rig.wait_until(lambda: daemon.events("resync_ended"), "the resync has ended", daemon)


async def _bound(rig: Rig) -> bool:
    return await rig.scalar(select(segments.c.id).where(segments.c.dmp_id.is_(None)).limit(1)) is None


async def _drained(rig: Rig) -> bool:
    return int((await rig.totals())["rows_taken"]) >= 951


async def _played(rig: Rig, resource: str) -> bool:
    faults = await rig.look("faults")
    return all(one["played"] for one in faults if one["fault"]["match"].get("resource") == resource)
