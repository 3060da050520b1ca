"""Signing in and out: sessions that nobody can fix, forge or keep for ever; passwords that nobody can guess quickly."""

from __future__ import annotations

import asyncio
import re
import time
from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from sqlalchemy import select, update
from structlog.testing import capture_logs
from yarl import URL

from syncd.admin.app import install
from syncd.admin.desk import Desk
from syncd.domain.access import COMMAND_LINE, Role
from syncd.operations import people
from syncd.operations.passwords import Guesses, Passwords
from syncd.operations.people import NewPerson
from syncd.settings import Settings
from syncd.store import sessions as store
from syncd.store.engine import Database
from syncd.store.people import people as accounts
from syncd.store.sessions import sessions
from syncd.store.tables import epoch, later, now
from tests.component.admin.house import PASSWORD, THEIRS, House, Visitor, opened, reception

ME = "/api/v1/session"


def cookie(visitor: Visitor) -> str:
    return next(morsel.value for morsel in visitor.http.cookie_jar)


async def test_whoever_signs_in_is_known_by_a_cookie(house: House) -> None:
    visitor = await house.browser(Role.OPERATOR, THEIRS)
    me = await visitor.get(ME)
    assert (me["name"], me["role"], me["accounts"], me["csrf"]) == ("operator-1", "operator", [THEIRS], visitor.csrf)


async def test_after_signing_out_the_cookie_opens_nothing(house: House) -> None:
    visitor = await house.browser()
    kept = {morsel.key: morsel.value for morsel in visitor.http.cookie_jar}
    await visitor.send("DELETE", ME, status=204)
    visitor.http.cookie_jar.update_cookies(kept)
    await visitor.send("GET", ME, status=401)


async def test_a_program_is_known_by_its_token(house: House) -> None:
    me = await (await house.program(Role.VIEWER)).get(ME)
    assert (me["role"], me["csrf"]) == ("viewer", None)


async def test_nobody_is_told_so(house: House) -> None:
    problem = await (await house.visitor()).send("GET", ME, status=401)
    assert (problem["status"], problem["title"], problem["type"]) == (401, "Unauthorized", "about:blank")


async def test_a_session_that_somebody_else_chose_is_never_taken(house: House) -> None:
    visitor = await house.visitor(Origin=house.base)
    visitor.http.cookie_jar.update_cookies({house.desk.cookie: "chosen-by-somebody-else"}, URL(house.base))
    made = NewPerson(name="ann", role=Role.VIEWER, password=PASSWORD)
    await people.add(house.database, Passwords(), made, COMMAND_LINE)
    await visitor.send("POST", ME, {"name": "Ann ", "password": PASSWORD})
    assert cookie(visitor) != "chosen-by-somebody-else"
    assert len(cookie(visitor)) >= 43  # 256 bits


async def test_signing_in_again_is_another_session_and_ends_the_first(house: House) -> None:
    visitor = await house.browser()
    first = cookie(visitor)
    await visitor.send("POST", ME, {"name": "admin-0", "password": PASSWORD})
    assert cookie(visitor) != first
    old = await house.visitor()
    old.http.cookie_jar.update_cookies({house.desk.cookie: first})
    await old.send("GET", ME, status=401)


async def test_a_session_is_kept_as_a_digest_only(house: House) -> None:
    visitor = await house.browser()
    async with house.database.read() as connection:
        row = (await connection.execute(select(sessions))).one()
    assert cookie(visitor) not in repr(tuple(row))
    assert visitor.csrf not in repr(tuple(row))


async def test_an_idle_session_ends_after_half_an_hour_and_a_used_one_does_not(house: House) -> None:
    visitor = await house.browser()
    async with house.database.begin() as connection:
        await connection.execute(update(sessions).values(idle_until=later(60.0)))
    await visitor.get(ME)
    async with house.database.read() as connection:
        left = (await connection.execute(select(epoch(sessions.c.idle_until) - epoch(now())))).scalar_one()
    assert store.IDLE - 60 < left <= store.IDLE
    assert store.IDLE == 30 * 60
    async with house.database.begin() as connection:
        await connection.execute(update(sessions).values(idle_until=later(-1.0)))
    await visitor.send("GET", ME, status=401)


async def test_a_session_ends_after_eight_hours_however_much_it_is_used(house: House) -> None:
    visitor = await house.browser()
    async with house.database.read() as connection:
        left = (await connection.execute(select(epoch(sessions.c.ends_at) - epoch(now())))).scalar_one()
    assert 8 * 3600 - 60 < left <= 8 * 3600
    async with house.database.begin() as connection:
        await connection.execute(update(sessions).values(ends_at=later(-1.0)))
    await visitor.send("GET", ME, status=401)


async def test_whoever_is_given_another_role_is_signed_out(house: House) -> None:
    visitor, admin = await house.browser(Role.OPERATOR), await house.program()
    changed = await admin.send("PATCH", "/api/v1/people/operator-0", {"role": "viewer", "reason": "moved on"})
    assert changed["role"] == "viewer"
    await visitor.send("GET", ME, status=401)


async def test_whoever_is_removed_is_signed_out_and_stays_out(house: House) -> None:
    visitor, admin = await house.browser(Role.VIEWER), await house.program()
    await house.browser(Role.ADMIN)
    await admin.send("DELETE", "/api/v1/people/viewer-0", {"confirm": "viewer-0"}, 204)
    await visitor.send("GET", ME, status=401)
    await visitor.send("POST", ME, {"name": "viewer-0", "password": PASSWORD}, status=401)


async def test_the_last_admin_of_everything_stays(house: House) -> None:
    await house.browser(Role.ADMIN)
    program = await house.program()
    await program.send("DELETE", "/api/v1/people/admin-0", {"confirm": "admin-0"}, 409)
    await program.send("PATCH", "/api/v1/people/admin-0", {"role": "viewer"}, status=409)
    assert [one["name"] for one in (await program.get("/api/v1/people"))["items"]] == ["admin-0"]


async def test_a_password_is_kept_as_argon2id_only(house: House) -> None:
    await house.browser()
    async with house.database.read() as connection:
        stored = (await connection.execute(select(accounts.c.password))).scalar_one()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in stored


async def test_a_wrong_name_and_a_wrong_password_are_told_alike(house: House) -> None:
    await house.browser()
    visitor = await house.visitor(Origin=house.base)
    told = [
        await visitor.send("POST", ME, {"name": name, "password": password}, status=401)
        for name, password in (("admin-0", "wrong password"), ("nobody-has-this", "wrong password"), ("", ""))
    ]
    assert told[0] == told[1] == told[2]


async def test_a_name_that_nobody_has_takes_as_long_to_refuse() -> None:
    passwords = Passwords()
    stored = await passwords.hashed(PASSWORD)

    async def seconds(known: str | None) -> float:
        began = time.process_time()
        assert not await passwords.verified(known, "wrong password")
        return time.process_time() - began

    await seconds(stored)
    known, unknown = min([await seconds(stored) for _ in range(5)]), min([await seconds(None) for _ in range(5)])
    assert unknown > known / 2
    assert known > unknown / 2


async def test_whoever_guesses_has_to_wait(database: Database, settings: Settings) -> None:
    clock = [0.0]
    async with opened(database, settings, reception=reception(lambda: clock[0])) as house:
        await house.browser()
        visitor = await house.visitor(Origin=house.base)
        wrong, right = ({"name": "admin-0", "password": one} for one in ("wrong password", PASSWORD))
        for _ in range(Guesses.FROM_ONE):
            await visitor.send("POST", ME, wrong, status=401)
        for body in (wrong, right, {"name": "ADMIN-0", "password": PASSWORD}):
            async with await visitor.ask("POST", ME, json=body) as response:
                assert response.status == 429
                assert 890 < int(response.headers["Retry-After"]) <= 901
        clock[0] += Guesses.WINDOW
        await visitor.send("POST", ME, right)


def test_guesses_from_everywhere_are_counted_together_and_forgotten_in_the_end() -> None:
    clock = [0.0]
    guesses = Guesses(lambda: clock[0])
    for number in range(Guesses.FROM_ALL):
        assert not guesses.wait("ann", f"10.0.0.{number}")
        guesses.note("ann", f"10.0.0.{number}")
    assert guesses.wait("ann", "10.9.9.9")
    assert not guesses.wait("bob", "10.9.9.9")
    clock[0] += Guesses.WINDOW
    assert not guesses.wait("ann", "10.9.9.9")


def test_guesses_at_many_names_are_counted_by_address_and_in_all() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(Guesses.FROM_ADDRESS):
        assert not guesses.wait(f"name-{number}", f"2001:db8::{number:x}")
        guesses.note(f"name-{number}", f"2001:db8::{number:x}")
    assert guesses.wait("another", "2001:db8::ffff")  # the same /64
    assert not guesses.wait("another", "2001:db8:0:1::1")
    for number in range(Guesses.IN_ALL - Guesses.FROM_ADDRESS):
        assert not guesses.wait("another", "10.0.0.1")
        guesses.note(f"other-{number}", f"10.{number % 250}.0.1")
    assert guesses.wait("another", "192.0.2.1")


def test_a_right_guess_counts_nowhere() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(2 * Guesses.IN_ALL):
        assert not guesses.wait(f"name-{number % 400}", "10.0.0.1")
        guesses.note(f"name-{number % 400}", "10.0.0.1")
        guesses.forgive(f"name-{number % 400}", "10.0.0.1")


async def test_who_comes_while_too_many_sign_in_is_sent_away(house: House) -> None:
    await house.browser(Role.VIEWER, name="ann")
    visitor = await house.visitor(Origin=house.base)

    async def tried(name: str) -> tuple[int, str]:
        async with await visitor.ask("POST", ME, json={"name": name, "password": "wrong password"}) as response:
            return response.status, response.headers.get("Retry-After", "")

    told = await asyncio.gather(*(tried(f"name-{number}") for number in range(90)))
    sent_away = [retry for status, retry in told if status == 429]
    assert sent_away == ["2"] * len(sent_away)
    assert 0 < len(sent_away) < 90
    assert {status for status, _ in told} == {401, 429}
    guesses = house.desk.reception.guesses
    for number in range(Guesses.FROM_ADDRESS - 90 + len(sent_away)):  # nobody has looked at theirs
        assert not guesses.wait(f"other-{number}", "127.0.0.1")
        guesses.note(f"other-{number}", "127.0.0.1")
    assert guesses.wait("another", "127.0.0.1")


@pytest.mark.parametrize(("url", "name"), [("https://syncd.example", "__Host-syncd"), (None, "syncd-session")])
async def test_the_cookie_is_guarded(database: Database, settings: Settings, url: str | None, name: str) -> None:
    http = settings.http.model_copy(update={"public_url": url})
    async with opened(database, settings.model_copy(update={"http": http})) as house:
        made = NewPerson(name="ann", role=Role.VIEWER, password=PASSWORD)
        await people.add(database, Passwords(), made, COMMAND_LINE)
        visitor = await house.visitor(Origin=url or house.base)
        async with await visitor.ask("POST", ME, json={"name": "ann", "password": PASSWORD}) as response:
            assert response.status == 200
            held = SimpleCookie(response.headers["Set-Cookie"])[name]
            strict = response.headers.get("Strict-Transport-Security")
    assert (held["httponly"], held["samesite"], held["path"], held["domain"]) == (True, "Strict", "/", "")
    assert bool(held["secure"]) == bool(url)
    assert bool(strict) == bool(url)


@pytest.mark.parametrize(
    ("host", "url", "warned"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("localhost", "http://localhost:8080", False),
        ("0.0.0.0", None, True),
        ("10.0.0.7", "http://syncd.example.com", True),
        ("0.0.0.0", "https://syncd.example.com", False),
    ],
)
def test_whoever_listens_to_others_without_https_is_told_what_to_set(
    database: Database, settings: Settings, host: str, url: str | None, warned: bool
) -> None:
    http = settings.http.model_copy(update={"public_url": url, "host": host})
    with capture_logs() as said:
        install(web.Application(), Desk(database=database, settings=settings.model_copy(update={"http": http})))
    assert [(one["log_level"], one["event"]) for one in said] == [("warning", "caution")] * warned
    for one in said:
        assert {host, "SYNCD_HTTP__PUBLIC_URL"} <= set(re.findall(r"[\w.]+", one["why"]))
        assert "\n" not in one["why"]


async def test_the_first_admin_comes_from_the_environment_and_only_the_first(
    database: Database, settings: Settings
) -> None:
    secret = type(settings.database_url)(PASSWORD)
    http = settings.http.model_copy(update={"first_admin_password": secret})
    wanted = settings.model_copy(update={"http": http})
    assert not await people.first_admin(database, settings)
    assert await people.first_admin(database, wanted)
    assert not await people.first_admin(database, wanted)
    async with opened(database, wanted) as house:
        visitor = await house.visitor(Origin=house.base)
        me = await visitor.send("POST", ME, {"name": "admin", "password": PASSWORD})
    assert (me["role"], me["accounts"]) == ("admin", None)


async def test_whoever_changes_their_password_knows_the_old_one_and_is_signed_out_elsewhere(house: House) -> None:
    visitor, elsewhere = await house.browser(Role.VIEWER), await house.browser(Role.VIEWER)
    path, new = f"{ME}/password", "another password"
    await visitor.send("POST", path, {"password": "wrong password", "new": new}, 401)
    await visitor.send("POST", path, {"password": PASSWORD, "new": "short"}, 422)
    before = cookie(visitor)
    await visitor.send("POST", path, {"password": PASSWORD, "new": new})
    assert cookie(visitor) != before
    assert (await visitor.get(ME))["name"] == "viewer-0"
    await elsewhere.send("GET", ME, status=401)
    await elsewhere.send("POST", ME, {"name": "viewer-0", "password": PASSWORD}, 401)
    await elsewhere.send("POST", ME, {"name": "viewer-0", "password": new})
