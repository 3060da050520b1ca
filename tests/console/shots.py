"""Pictures of every page, at both widths, in light and dark: `python -m tests.console.shots FOLDER`, to be looked at."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from syncd.domain.access import Role
from syncd.store.engine import Database
from syncd.store.migrate import upgrade
from tests.component.admin.house import opened
from tests.component.cli.linkedin import running
from tests.conftest import sqlite_url
from tests.console.browsing import DESKTOP, PHONE, chromium, know, visiting
from tests.console.conftest import made, match
from tests.console.filled import fill
from tests.console.pages import PAGES


async def shoot(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        url = sqlite_url(Path(temporary) / "syncd.db")
        await upgrade(url)
        database = Database(url)
        await know(database, Role.ADMIN, name="ada.lovelace")
        await fill(database)
        with running() as linkedin:
            await match(database, linkedin)
            settings = made(url, Path(temporary), linkedin.origin)
            async with opened(database, settings) as house, chromium() as browser:
                await _shoot(folder, browser, house.base)
        await database.close()


README = {"overview": ("/", False), "segment": ("/segments/trial-signups", True)}
"""What stands in the README: page and whether it is dark, cut where a screen ends."""


async def _shoot(folder: Path, browser: Browser, base: str) -> None:
    for width, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for dark in (False, True):
            name = f"{width}-{'dark' if dark else 'light'}"
            async with visiting(browser, base, size, dark=dark) as visit:
                await visit.go("/sign-in")
                await visit.page.screenshot(path=folder / f"sign-in-{name}.png", full_page=True)
                await visit.sign_in("ada.lovelace")
                for title, path in PAGES.items():
                    await visit.go(path)
                    await visit.page.screenshot(path=folder / f"{title}-{name}.png", full_page=True)
    for title, (path, dark) in README.items():
        async with visiting(browser, base, (1280, 940), dark=dark) as visit:
            await visit.sign_in("ada.lovelace")
            await visit.page.wait_for_selector("main h1")
            await visit.go(path)
            await visit.page.screenshot(path=folder / f"readme-{title}.png")


if __name__ == "__main__":
    asyncio.run(shoot(Path(sys.argv[1])))
