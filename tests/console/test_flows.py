"""What people come for: to sign in, look, act, and leave; and what they may not."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import func, insert, select, update

from syncd.domain.access import Role
from syncd.store.tables import dead_letters, outbox, segments
from tests.component.admin.house import House
from tests.console.browsing import Visit, know, visiting
from tests.console.filled import OURS, THEIRS


async def test_a_wrong_password_is_refused_without_saying_what_is_wrong(busy: House, browser: Browser) -> None:
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in("admin", "not the password")
        await expect(visit.page.get_by_role("alert")).to_have_text("Name or password is wrong.")
        await visit.sign_in("nobody", "not the password")
        await expect(visit.page.get_by_role("alert")).to_have_text("Name or password is wrong.")


async def test_whoever_opens_a_page_signs_in_and_is_led_to_it(busy: House, browser: Browser) -> None:
    async with visiting(browser, busy.base) as visit:
        await visit.go("/dead-letters")
        await visit.page.get_by_label("Name").fill("viewer")
        await visit.page.get_by_label("Password").fill("correct horse battery")
        await visit.press("Sign in")
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Dead letters")


async def test_the_overview_says_what_waits_and_what_to_do(admin: Visit) -> None:
    text = await admin.text()
    for words in (
        "Segment churned is parked: expired",
        "This segment is expired and cannot take members",
        "Start a resync in replay mode",
        "Member agency is parked: token",
        "Rows for an unknown segment: misspelt-segment",
        "1,240",
        "182,000",
        "71%",
        "LinkedIn throttles (minute)",
    ):
        assert words in text, words


async def test_the_overview_follows_by_itself_what_happens(busy: House, admin: Visit) -> None:
    row = admin.page.get_by_role("row").filter(has_text="Trial sign-ups")
    await expect(row).to_contain_text("READY")
    async with busy.database.begin() as connection:
        await connection.execute(update(segments).where(segments.c.key == "trial-signups").values(status="UPDATING"))
        await connection.execute(
            insert(outbox), [{"segment_key": "trial-signups", "action": "ADD", "payload": "{}"} for _ in range(777)]
        )
    await expect(row).to_contain_text("UPDATING", timeout=15_000)
    await expect(row).to_contain_text("777")


async def test_a_segment_is_paused_and_goes_on(admin: Visit) -> None:
    await admin.go("/segments/trial-signups")
    await admin.press("Pause")
    await expect(admin.page.locator(".pill").first).to_have_text("PAUSED")
    await admin.press("Resume")
    await expect(admin.page.locator(".pill").first).to_have_text("READY")


async def test_a_segment_is_created_and_bad_input_is_said_beside_the_form(busy: House, admin: Visit) -> None:
    await admin.page.get_by_role("link", name="New segment").click()
    for label, value in (("Key", "webinar"), ("Name", "Webinar guests"), ("Ad account", "urn:li:sponsoredAccount:1")):
        await admin.write(label, value)
    await admin.write("Key", "trial-signups")
    await admin.press("Create segment")
    await expect(admin.page.get_by_role("alert")).to_contain_text("there is a segment trial-signups already")
    await expect(admin.page.locator("[name=name]")).to_have_value("Webinar guests")
    await admin.write("Key", "webinar")
    await admin.write("Ad account", OURS)
    await admin.press("Create segment")
    await expect(admin.page.get_by_role("heading", level=1)).to_have_text("Webinar guests")
    await expect(admin.page.get_by_role("status").first).to_contain_text("The segment is created")
    async with busy.database.read() as connection:
        account = await connection.execute(select(segments.c.account).where(segments.c.key == "webinar"))
        assert account.scalar_one() == OURS


async def test_dead_letters_go_again_or_are_dropped_after_a_question(busy: House, admin: Visit) -> None:
    await admin.go("/dead-letters?segment=trial-signups&reason=refused")
    async with admin.page.expect_download() as downloading:
        await admin.page.get_by_role("link", name="Export CSV").click()
    exported = (await (await downloading.value).path()).read_text()
    assert exported.count("the country is no ISO 3166-1 code") == 3
    await admin.page.get_by_role("button", name="Retry: all refused of trial-signups").click()
    await expect(admin.page.get_by_role("status").first).to_contain_text("3 dead letters go again")
    await admin.go("/dead-letters")
    await admin.page.get_by_role("link", name="Drop all invalid email of customers").click()
    await expect(admin.page.locator("main")).to_contain_text("20 letters")
    await admin.write("Reason", "TICKET-5")
    await admin.page.get_by_label("They are not needed any more").check()
    await admin.press("Drop them")
    await expect(admin.page.get_by_role("status").first).to_contain_text("20 dead letters were dropped")
    async with busy.database.read() as connection:
        left = await connection.execute(select(func.count(), func.count().filter(dead_letters.c.retry)))
        assert tuple(left.one()) == (3, 3)


async def test_whoever_signs_out_is_out(admin: Visit) -> None:
    await admin.press("Sign out")
    await expect(admin.page.get_by_role("status")).to_have_text("You are signed out.")
    await admin.go("/segments/trial-signups")
    await expect(admin.page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize(
    ("role", "hidden", "path"),
    [("viewer", "New segment", "/new-segment"), ("operator", "People and tokens", "/access")],
)
async def test_who_may_not_is_not_offered_it_and_refused(
    busy: House, browser: Browser, role: str, hidden: str, path: str
) -> None:
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in(role)
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Overview")
        assert await visit.page.get_by_role("link", name=hidden).count() == 0
        assert await visit.go(path) == 403
        await expect(visit.page.get_by_role("alert")).to_contain_text("this needs the role")


async def test_a_viewer_is_offered_nothing_that_acts(busy: House, browser: Browser) -> None:
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in("viewer")
        for path in ("/segments/trial-signups", "/dead-letters", "/members"):
            await visit.go(path)
            buttons = await visit.page.locator("main button").all_inner_texts()
            assert set(buttons) <= {"Show"}, path


async def test_whose_sight_ends_at_an_account_sees_no_other(busy: House, browser: Browser) -> None:
    name = await know(busy.database, Role.OPERATOR, THEIRS, name="limited")
    async with visiting(browser, busy.base) as visit:
        await visit.sign_in(name)
        text = await visit.text()
        assert "Partners" in text
        assert "Trial sign-ups" not in text
        assert "misspelt-segment" not in text
        assert await visit.go("/segments/trial-signups") == 404
        await visit.go("/dead-letters")
        assert "trial-signups" not in await visit.text()


async def test_a_token_is_shown_once(admin: Visit) -> None:
    await admin.go("/access")
    form = admin.page.locator("form", has_text="Make token")
    await form.get_by_label("Name").fill("nightly export")
    await form.get_by_role("button").click()
    secret = await admin.page.locator("code.secret").inner_text()
    assert secret.startswith("syncd_")
    await admin.go("/access")
    text = await admin.text()
    assert "nightly export" in text
    assert secret not in await admin.page.content()
    row = admin.page.locator("tr", has_text="nightly export")
    await row.locator("summary").click()
    await row.get_by_label("To revoke, type nightly export").fill("another")
    await row.get_by_role("button").click()
    assert "nothing was done" in await admin.text()
    row = admin.page.locator("tr", has_text="nightly export")
    await row.locator("summary").click()
    await row.get_by_label("To revoke, type nightly export").fill("nightly export")
    await row.get_by_role("button").click()
    assert "refused from now on" in await admin.text()


async def test_whether_a_person_is_in_it_is_asked_without_leaving_a_trace(admin: Visit) -> None:
    await admin.go("/segments/trial-signups")
    await admin.page.get_by_label("E-mail address, or its SHA-256 or SHA-512").fill("1:5@example.com")
    await admin.press("Look")
    await expect(admin.page.locator("#presence")).to_contain_text("Yes.")
    assert "example.com" not in admin.page.url + await admin.page.content()
    await admin.page.get_by_label("E-mail address, or its SHA-256 or SHA-512").fill("stranger@example.com")
    await admin.press("Look")
    await expect(admin.page.locator("#presence")).to_contain_text("No. Nothing of this person is known")
