"""The console of a real daemon, beside our own LinkedIn: from signing in to a resync that ends, and out again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.acceptance.rig import Process, Rig
from tests.conftest import sqlite_url
from tests.console.browsing import PASSWORD, Visit, visiting

PEOPLE = 12_000


@pytest.fixture
async def rig(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Rig]:
    shutil.copyfile(migrated_file, tmp_path / "syncd.db")
    settings = {"SYNCD_HTTP__FIRST_ADMIN_PASSWORD": PASSWORD}
    async with Rig(tmp_path, sqlite_url(tmp_path / "syncd.db"), settings=settings) as rig:
        yield rig


@pytest.fixture
async def daemon(rig: Rig) -> Process:
    return await rig.daemon()


@pytest.fixture
async def visit(rig: Rig, daemon: Process, browser: Browser) -> AsyncIterator[Visit]:
    base = f"http://127.0.0.1:{daemon.events('listening')[-1]['port']}"
    async with visiting(browser, base) as visit:
        await visit.sign_in("admin")
        yield visit


async def test_a_replay_is_previewed_started_and_watched_until_it_ends(rig: Rig, daemon: Process, visit: Visit) -> None:
    await rig.commit("people", (("ADD", {"email": f"person{n}@example.com"}, None) for n in range(PEOPLE)))
    row = visit.page.get_by_role("row").filter(has_text="people")
    await expect(row.locator("td").nth(1)).to_have_text(f"{PEOPLE:,}", timeout=60_000)
    before = len([one for one in await rig.requests() if one["resource"] == "users"])

    await row.get_by_role("link", name="People").click()
    await visit.page.get_by_role("navigation", name="Segment").get_by_role("link", name="Resync").click()
    await visit.page.get_by_label("Replay").check()
    await visit.press("Preview")
    stats = visit.page.locator("main")
    await expect(stats).to_contain_text("planned")
    await expect(visit.page.locator("dl.stats").first).to_contain_text(f"{PEOPLE:,}")
    await visit.page.get_by_label("Key of the segment, people").fill("people")
    await visit.page.get_by_label("Reason").first.fill("matches are 80 days old")
    await visit.press("Start resync")
    await expect(visit.page.get_by_role("status").first).to_contain_text("The resync is started")
    await expect(visit.page.locator(".pill").first).to_have_text("done", timeout=60_000)
    sent = [one for one in await rig.requests() if one["resource"] == "users"]
    assert sum(one["elements"] for one in sent[before:]) == PEOPLE
    await visit.go("/resyncs")
    await expect(visit.page.locator("main")).to_contain_text("matches are 80 days old")
    await visit.press("Sign out")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert visit.said == []


async def test_a_segment_made_here_is_at_linkedin_within_seconds(rig: Rig, daemon: Process, visit: Visit) -> None:
    await visit.go("/new-segment")
    for label, value in (
        ("Key", "webinar"),
        ("Name", "Webinar guests"),
        ("Ad account", "urn:li:sponsoredAccount:123456"),
    ):
        await visit.write(label, value)
    await visit.press("Create segment")

    async def is_there() -> bool:
        return "webinar" in await rig.dmp_segments()

    await rig.wait_until(is_there, "it is at LinkedIn", daemon)
    await expect(visit.page.locator(".pill").first).to_have_text("BUILDING", timeout=60_000)
