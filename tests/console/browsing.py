"""A browser and what people do with it: sign in, look, press. Whatever the console says or the policy blocks is kept."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from syncd.domain.access import COMMAND_LINE, Role
from syncd.operations import people
from syncd.operations.passwords import Passwords
from syncd.operations.people import NewPerson
from syncd.store.engine import Database

PASSWORD = "correct horse battery"  # pragma: allowlist secret
DESKTOP = (1280, 900)
PHONE = (390, 844)
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's own browser. Where there is none, tests fail in CI and are skipped elsewhere."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium: apt-get install --no-install-recommends chromium")
        pytest.skip("there is no chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=False, args=_FLAGS)
        yield browser
        await browser.close()


@dataclass(slots=True, kw_only=True)
class Visit:
    """One person at one browser. `said` is everything that its console was told: errors, and what the policy blocked."""

    page: Page
    base: str
    said: list[str] = field(default_factory=list)

    async def go(self, path: str) -> int:
        """Opens a page; its status."""
        response = await self.page.goto(self.base + path)
        assert response is not None
        return response.status

    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        await self.go("/sign-in")
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        async with self.page.expect_navigation():  # whatever it answers: who goes on before would cross it
            await self.page.get_by_role("button", name="Sign in").click()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).first.click()

    async def write(self, label: str, value: str) -> None:
        """Fills the field whose label begins so; a hint may follow."""
        await self.page.get_by_label(re.compile(f"^{re.escape(label)}")).fill(value)

    async def text(self) -> str:
        return await self.page.locator("main").inner_text()


@asynccontextmanager
async def visiting(
    browser: Browser, base: str, size: tuple[int, int] = DESKTOP, *, dark: bool = False, script: bool = True
) -> AsyncIterator[Visit]:
    context: BrowserContext = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    visit = Visit(page=page, base=base)
    page.on(
        "console", lambda message: visit.said.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: visit.said.append(str(error)))
    yield visit
    await context.close()


async def know(database: Database, role: Role, *accounts: str, name: str = "") -> str:
    """Somebody with that role; their name."""
    name = name or str(role)
    wanted = NewPerson(name=name, role=role, password=PASSWORD, accounts=frozenset(accounts) or None)
    await people.add(database, Passwords(), wanted, COMMAND_LINE)
    return name
