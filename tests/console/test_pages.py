"""Every page, for everybody: no barrier that axe finds, nothing that the policy blocks, no width that it breaks, no text of
the CRM that does anything but stand there.
"""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.async_api import Browser

from syncd.domain.notices import FORECASTS, TARGETING
from tests.component.admin.house import House
from tests.console.browsing import DESKTOP, PHONE, visiting
from tests.console.filled import HOSTILE, fill
from tests.console.pages import PAGES

SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_no_page_has_a_barrier_a_blocked_thing_or_a_sideways_scroll(
    matched: House, browser: Browser, size: tuple[int, int], *, dark: bool
) -> None:
    async with visiting(browser, matched.base, size, dark=dark) as visit:
        await visit.go("/sign-in")
        barriers = await _barriers(visit.page)
        await visit.sign_in("admin")
        for name, path in PAGES.items():
            assert await visit.go(path) == 200, name
            barriers += [f"{name}: {one}" for one in await _barriers(visit.page)]
            width = await visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], f"{name} is {width} wide"
        assert barriers == []
        assert visit.said == []


async def _barriers(page: object) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


async def test_texts_of_the_crm_and_of_linkedin_do_nothing_but_stand_there(house: House, browser: Browser) -> None:
    await fill(house.database, hostile=True)
    async with visiting(browser, house.base) as visit:
        await visit.sign_in("admin")
        for path in ("/", "/segments/hostile", "/dead-letters", "/segments/hostile/settings", "/resyncs", "/audit"):
            await visit.go(path)
            assert await visit.page.evaluate("document.body.dataset.broken") is None
            assert await visit.page.locator("main script, main img").count() == 0
        await visit.go("/segments/hostile")
        assert HOSTILE in await visit.text()
        assert visit.said == []


async def test_everything_can_be_read_and_done_without_javascript(busy: House, browser: Browser) -> None:
    async with visiting(browser, busy.base, script=False) as visit:
        await visit.sign_in("admin")
        assert "Trial sign-ups" in await visit.text()
        await visit.go("/segments/trial-signups")
        assert "Counts over time" in await visit.text()
        await visit.press("Pause")
        assert "Paused: nothing is taken or sent" in await visit.text()


async def test_with_the_keyboard_alone_one_skips_to_the_content(busy: House, browser: Browser) -> None:
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in("viewer")
        await visit.page.wait_for_selector("main")
        await visit.page.keyboard.press("Tab")
        await visit.page.keyboard.press("Enter")
        assert await visit.page.evaluate("document.activeElement.id") == "main"


async def test_who_is_in_an_audience_and_what_a_budget_may_bring_stand_above_the_notices(
    matched: House, browser: Browser
) -> None:
    async with visiting(browser, matched.base) as visit:
        await visit.sign_in("viewer")
        await visit.go(PAGES["insights"])
        assert "Job functions" in await visit.text()
        assert await visit.page.locator("main td svg.bar").count() > 3
        for notice in TARGETING:
            assert notice.text in await visit.text()
        await visit.go(PAGES["forecast"])
        assert await visit.page.locator(".picture polyline").count() == 3
        for notice in FORECASTS:
            assert notice.text in await visit.text()
            link = visit.page.locator("main").get_by_role("link", name="Learn more")
            assert notice.url in [await one.get_attribute("href") for one in await link.all()]
