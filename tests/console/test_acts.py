"""What wants more than a press: a fuse that has blown, a file that is sent, a reason that is kept, another password."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import select

from syncd.domain.access import Role
from syncd.store.audit import audit
from syncd.store.plans import files, resyncs
from tests.component.admin.house import House
from tests.console.browsing import PASSWORD, Visit, know, visiting


async def told(house: House, action: str) -> list[tuple[str, str]]:
    """Who did it and why, the newest last."""
    async with house.database.read() as connection:
        rows = select(audit.c.actor, audit.c.reason).where(audit.c.action == action).order_by(audit.c.id)
        return [tuple(row) for row in (await connection.execute(rows)).all()]


async def test_a_blown_fuse_starts_only_with_the_name_of_the_segment(busy: House, admin: Visit) -> None:
    await admin.go("/resyncs/1")
    await expect(admin.page.locator("main")).to_contain_text("The fuse: 118 of 320 would be removed.")
    start = admin.page.locator("form", has_text="Start resync")
    await start.get_by_label("Reason").fill("the source is right")
    await start.get_by_role("button").click()
    assert await start.get_by_label("Key of the segment").evaluate("field => field.validity.valueMissing")
    await start.get_by_label("Key of the segment").fill("newsletter")
    await start.get_by_role("button").click()
    await expect(admin.page.get_by_role("alert")).to_contain_text("would remove 118 of 320 from customers")
    await expect(start.get_by_label("Reason")).to_have_value("the source is right")
    assert await told(busy, "resync.start") == []
    await start.get_by_label("Key of the segment").fill("customers")
    await start.get_by_role("button").click()
    await expect(admin.page.get_by_role("status").first).to_contain_text("The resync is started")
    await expect(admin.page.locator(".pill").first).to_have_text("waiting")
    assert await told(busy, "resync.start") == [("admin", "the source is right")]


async def _send(visit: Visit, file: Path, when: datetime) -> None:
    await visit.go("/segments/trial-signups/resync")
    form = visit.page.locator("form", has_text="Upload and preview")
    await form.get_by_label("Time it speaks of").fill(when.strftime("%Y-%m-%dT%H:%M"))
    await form.get_by_label("Reason").fill("TICKET-9")
    await form.get_by_label("File").set_input_files(file)
    await form.get_by_role("button", name="Upload and preview").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_snapshot_is_sent_from_the_page_with_the_time_it_speaks_of(
    busy: House, browser: Browser, tmp_path: Path, *, script: bool
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email\n" + "".join(f"person{number}@example.com\n" for number in range(60_000)))
    when = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    async with visiting(browser, busy.base, script=script) as visit:
        await visit.sign_in("operator")
        await _send(visit, people, when)
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Resync 4")
        text = await visit.text()
        assert "from the file" in text
        assert when.strftime("%Y-%m-%d %H:%M:00 UTC") in text
        assert "example.com" not in await visit.page.content()
        assert visit.said == []
    assert await told(busy, "resync.preview") == [("operator", "TICKET-9")]
    async with busy.database.read() as connection:
        assert len((await connection.execute(select(files.c.place))).all()) == 30


async def test_a_snapshot_that_cannot_be_one_is_refused_beside_the_form(
    busy: House, admin: Visit, tmp_path: Path
) -> None:
    for name, ago, words in (
        ("people.xlsx", timedelta(minutes=5), "choose a file that ends in .csv"),
        ("people.csv", timedelta(days=2), "a snapshot must speak of a time within the last 24 hours"),
    ):
        file = tmp_path / name
        file.write_text("email\nperson@example.com\n")
        await _send(admin, file, datetime.now(UTC) - ago)
        await expect(admin.page.get_by_role("alert")).to_contain_text(words)
        await expect(admin.page.get_by_label("Reason").last).to_have_value("TICKET-9")
    async with busy.database.read() as connection:
        assert len((await connection.execute(select(resyncs.c.id))).all()) == 3


async def test_a_form_of_another_session_sends_no_snapshot(busy: House) -> None:
    from aiohttp import FormData  # noqa: PLC0415 - only here

    visitor = await busy.browser(Role.OPERATOR, name="operator")
    path = "/segments/trial-signups/resync/snapshot"
    for token, status in (("0" * 64, 403), ("", 403), (visitor.csrf, 303)):
        form = FormData({"csrf": token, "as_of": (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")})
        form.add_field("file", b"email\nperson@example.com\n", filename="people.csv")
        headers = {"X-CSRF-Token": ""}
        async with await visitor.ask("POST", path, data=form, headers=headers) as answer:
            assert answer.status == status, await answer.text()


async def test_reasons_that_are_typed_stand_in_the_audit(busy: House, admin: Visit) -> None:
    await admin.go("/segments/trial-signups")
    await admin.page.get_by_label("Reason: Pause").fill("TICKET-1")
    await admin.press("Pause")
    await expect(admin.page.locator(".pill").first).to_have_text("PAUSED")
    await admin.go("/members")
    await admin.page.get_by_label("Reason: Pause member ads-bot").fill("TICKET-2")
    await admin.press("Pause: member ads-bot")
    await expect(admin.page.get_by_role("status").first).to_contain_text("Paused")
    await admin.go("/dead-letters?segment=trial-signups&reason=refused")
    await admin.page.get_by_label("Reason: Retry all refused of trial-signups").fill("TICKET-3")
    await admin.press("Retry: all refused of trial-signups")
    await expect(admin.page.get_by_role("status").first).to_contain_text("3 dead letters go again")
    for number, action in enumerate(("segment.pause", "member.pause", "letters.retry"), 1):
        assert await told(busy, action) == [("admin", f"TICKET-{number}")]


async def test_everybody_changes_their_own_password_and_is_signed_out_elsewhere(busy: House, browser: Browser) -> None:
    name = await know(busy.database, Role.VIEWER, name="ann")
    async with visiting(browser, busy.base) as here, visiting(browser, busy.base) as elsewhere:
        for visit in (here, elsewhere):
            await visit.sign_in(name)
        await here.page.get_by_role("link", name="Your account").first.click()

        async def change(has: str, new: str, again: str) -> None:
            for label, value in (("Password you have", has), ("New password", new), ("New password once more", again)):
                await here.page.get_by_label(label, exact=label != "New password").first.fill(value)
            await here.press("Change password")

        await change("not the password", "another long password", "another long password")
        await expect(here.page.get_by_role("alert")).to_contain_text("that is not the password you have")
        await change(PASSWORD, "another long password", "another wrong password")
        await expect(here.page.get_by_role("alert")).to_contain_text("typed in two ways")
        await change(PASSWORD, "another long password", "another long password")
        await expect(here.page.get_by_role("status").first).to_contain_text("Your password is changed")
        await here.go("/members")
        await expect(here.page.get_by_role("heading", level=1)).to_have_text("Members")
        await expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=15_000)
        await elsewhere.sign_in(name, "another long password")
        await expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Overview")
