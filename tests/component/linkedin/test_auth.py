"""Tokens: one refresh at a time, here and across replicas; files that change win; only OAuth's own words are final."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from syncd.domain.outcome import Answer
from syncd.domain.token import Tokens
from syncd.errors import BadConfiguration, Transient
from syncd.linkedin.auth import FRESH, Access, Again, Dead, TokenSource
from syncd.linkedin.oauth import authorization_url, granted, redeeming
from syncd.linkedin.transport import Transport
from tests.component.linkedin.serving import serve, transport

DAY = 86_400.0
NOW = 1_800_000_000.0
WORDS = "401 EXPIRED_ACCESS_TOKEN"


class Vault:
    """The vault in memory: shared by replicas, it ends a claim by saving, and counts."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens
        self.claimed = False
        self.saved: list[Tokens] = []

    async def read(self) -> Tokens | None:
        await asyncio.sleep(0)
        return self.tokens

    async def claim(self, seconds: float) -> bool:
        await asyncio.sleep(0)
        assert seconds > 0
        mine, self.claimed = not self.claimed, True
        return mine

    async def save(self, tokens: Tokens) -> None:
        await asyncio.sleep(0)
        self.tokens, self.claimed = tokens, False
        self.saved.append(tokens)


class Issuer:
    """The token URL: issues numbered tokens, or answers what it is told to."""

    def __init__(self) -> None:
        self.forms: list[Mapping[str, Any]] = []
        self.answer: Callable[[], web.Response] | None = None
        self.grant: dict[str, Any] = {"expires_in": 60 * DAY, "refresh_token_expires_in": 365 * DAY}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/oauth/v2/accessToken"
        self.forms.append(dict(await request.post()))
        await asyncio.sleep(0.01)
        if self.answer is not None:
            return self.answer()
        return web.json_response(
            {"access_token": f"issued-{len(self.forms)}", "refresh_token": "refresh-0"} | self.grant
        )


class Stage:
    """A member's files, an issuer, a transport to it, and a clock that only sleeping and tests move."""

    def __init__(self, folder: Path, client: Transport, issuer: Issuer) -> None:
        self.folder = folder
        self.client = client
        self.issuer = issuer
        self.now = NOW
        self.write("access", "access-0\n")
        self.write("refresh", "refresh-0")
        self.write("secret", "s3cret\n")

    def write(self, name: str, text: str) -> None:
        """As a secret mount does it: a new file takes the place of the old."""
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def source(self, vault: Vault | None = None, *, refreshable: bool = True, access: bool = True) -> TokenSource:
        return TokenSource(
            access_token_file=self.folder / "access" if access else None,
            refresh_token_file=self.folder / "refresh" if refreshable else None,
            client_id="app" if refreshable else None,
            client_secret_file=self.folder / "secret" if refreshable else None,
            vault=vault,
            transport=self.client,
            wall=lambda: self.now,
            sleep=self.sleep,
            dice=lambda: 0.0,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0.005)


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[Stage]:
    issuer = Issuer()
    async with serve(issuer.handle) as base, transport(base) as client:
        yield Stage(folder, client, issuer)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with _staged(tmp_path) as ready:
        yield ready


async def _access(source: TokenSource) -> Access:
    access = await source.access()
    assert isinstance(access, Access), access
    return access


async def test_a_token_comes_from_its_file(stage: Stage) -> None:
    access = await _access(stage.source(refreshable=False))
    assert (access.token, access.generation, access.ends) == ("access-0", 1, None)
    assert stage.issuer.forms == []


async def test_a_changed_file_is_the_next_token(stage: Stage) -> None:
    source = stage.source(refreshable=False)
    first = await _access(source)
    stage.write("access", "access-1")
    second = await _access(source)
    assert (second.token, second.generation) == ("access-1", first.generation + 1)
    assert await source.refused(first, WORDS) == Again(0.0, WORDS)


async def test_a_file_that_vanishes_for_a_moment_changes_nothing(stage: Stage) -> None:
    source = stage.source(refreshable=False)
    await _access(source)
    (stage.folder / "access").unlink()
    assert (await _access(source)).token == "access-0"
    stage.write("access", "")
    assert (await _access(source)).token == "access-0"
    stage.write("access", "access-1")
    assert (await _access(source)).token == "access-1"


@pytest.mark.parametrize("text", [None, "", "two words", "caf\u00e9", "\x00"])
async def test_without_a_token_anywhere_the_member_is_dead_until_there_is_one(stage: Stage, text: str | None) -> None:
    (stage.folder / "access").unlink()
    if text is not None:
        stage.write("access", text)
    source = stage.source(refreshable=False)
    assert isinstance(await source.access(), Dead)
    stage.write("access", "access-1")
    assert (await _access(source)).token == "access-1"


async def test_a_hundred_refusals_are_one_refresh(stage: Stage) -> None:
    vault = Vault()
    source = stage.source(vault)
    access = await _access(source)
    verdicts = await asyncio.gather(*(source.refused(access, WORDS) for _ in range(100)))
    assert verdicts == [Again(0.0, WORDS)] * 100
    assert stage.issuer.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-0",
            "client_id": "app",
            "client_secret": "s3cret",
        }
    ]
    after = await _access(source)
    assert (after.token, after.generation, after.ends) == ("issued-1", access.generation + 1, NOW + 60 * DAY)
    assert source.ends == (NOW + 60 * DAY, NOW + 365 * DAY)
    assert [tokens.access for tokens in vault.saved] == ["issued-1"]


async def test_replicas_refresh_once_between_them(stage: Stage) -> None:
    vault = Vault()
    replicas = [stage.source(vault) for _ in range(3)]
    held = [await _access(replica) for replica in replicas]
    pairs = [(replica, access) for replica, access in zip(replicas, held, strict=True) for _ in range(10)]
    verdicts = await asyncio.gather(*(replica.refused(access, WORDS) for replica, access in pairs))
    assert verdicts == [Again(0.0, WORDS)] * 30
    assert len(stage.issuer.forms) == 1
    assert {(await _access(replica)).token for replica in replicas} == {"issued-1"}


async def test_a_token_is_saved_before_it_is_used(stage: Stage) -> None:
    class Failing(Vault):
        async def save(self, tokens: Tokens) -> None:
            raise RuntimeError("database down")

    source = stage.source(Failing())
    access = await _access(source)
    with pytest.raises(RuntimeError):
        await source.refused(access, WORDS)
    assert (await _access(source)).token == "access-0"


class Closed(Vault):
    """Holds tokens that none of the configured keys opens."""

    closed = True

    async def read(self) -> Tokens | None:
        if self.closed:
            raise BadConfiguration("no key opens it")
        return await super().read()


async def test_a_vault_that_no_key_opens_is_for_a_person_and_nothing_is_tried_over_it(stage: Stage) -> None:
    vault = Closed()
    source = stage.source(vault)
    assert await source.access() == Dead("no key opens it")
    assert (stage.issuer.forms, vault.saved, vault.claimed) == ([], [], False)
    vault.closed = False
    assert (await _access(source)).token == "access-0"


async def test_a_token_in_use_serves_on_while_the_vault_is_closed(stage: Stage) -> None:
    vault = Closed()
    vault.closed = False
    source = stage.source(vault)
    access = await _access(source)
    vault.closed = True
    stage.write("access", "access-1")
    assert (await _access(source)).token == "access-0"
    assert await source.refused(access, WORDS) == Dead("no key opens it")
    assert (stage.issuer.forms, vault.saved) == ([], [])


async def test_what_is_stored_wins_over_the_files_it_descends_from(stage: Stage) -> None:
    vault = Vault()
    first = stage.source(vault)
    await first.refused(await _access(first), WORDS)
    assert (await _access(stage.source(vault))).token == "issued-1"
    stage.write("access", "access-1")
    assert (await _access(stage.source(vault))).token == "access-1"
    assert (await _access(first)).token == "access-1"


async def test_a_refreshed_token_is_kept_without_a_vault(stage: Stage) -> None:
    source = stage.source()
    access = await _access(source)
    assert await source.refused(access, WORDS) == Again(0.0, WORDS)
    stage.write("access", "access-0")
    assert (await _access(source)).token == "issued-1"


async def test_a_refresh_token_alone_is_enough(stage: Stage) -> None:
    assert (await _access(stage.source(Vault(), access=False))).token == "issued-1"


@pytest.mark.parametrize(("lifetime", "margin"), [(60 * DAY, DAY), (600.0, 60.0)])
async def test_a_token_is_refreshed_ahead_of_its_end(stage: Stage, lifetime: float, margin: float) -> None:
    stage.issuer.grant["expires_in"] = lifetime
    source = stage.source(Vault())
    await source.refused(await _access(source), WORDS)
    stage.now = NOW + lifetime - margin - 1
    assert (await _access(source)).token == "issued-1"
    stage.now += 2
    found = await asyncio.gather(*(_access(source) for _ in range(50)))
    assert {access.token for access in found} <= {"issued-1", "issued-2"}
    assert (await _access(source)).token == "issued-2"
    assert len(stage.issuer.forms) == 2


async def test_nobody_waits_for_a_refresh_while_the_old_token_works(stage: Stage) -> None:
    source = stage.source(Vault())
    await source.refused(await _access(source), WORDS)
    stage.now = NOW + 59.5 * DAY
    stage.issuer.answer = lambda: web.Response(status=503)
    assert (await _access(source)).token == "issued-1"
    for _ in range(20):
        assert (await _access(source)).token == "issued-1"
    assert len(stage.issuer.forms) == 2
    stage.now += 1.5
    stage.issuer.answer = None
    assert (await _access(source)).token == "issued-3"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=429),
        lambda: web.Response(status=400, text="<html>"),
        lambda: web.Response(status=302, headers={"Location": "http://evil.example"}),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.json_response({}),
        lambda: web.json_response({"access_token": ""}),
        lambda: web.json_response({"access_token": "two words"}),
        lambda: web.json_response({"access_token": 7}),
        lambda: web.json_response({"error": "temporarily_unavailable"}, status=400),
    ],
)
async def test_a_failing_token_url_is_asked_again_ever_more_slowly(
    stage: Stage, answer: Callable[[], web.Response]
) -> None:
    vault = Vault()
    source = stage.source(vault)
    access = await _access(source)
    stage.issuer.answer = answer
    waits = []
    for tries in range(1, 5):
        verdicts = await asyncio.gather(*(source.refused(access, WORDS) for _ in range(10)))
        assert len(stage.issuer.forms) == tries
        assert isinstance(verdicts[0], Again)
        waits.append(verdicts[0].wait)
        stage.now += verdicts[0].wait
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert not vault.claimed
    stage.issuer.answer = None
    assert await source.refused(access, WORDS) == Again(0.0, WORDS)


async def test_a_silent_token_url_is_no_verdict(tmp_path: Path) -> None:
    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        return web.Response()

    async with serve(silent) as base, transport(base, request_timeout=0.1) as client:
        source = Stage(tmp_path, client, Issuer()).source()
        assert isinstance(await source.refused(await _access(source), WORDS), Again)


async def test_a_dead_refresh_token_is_dead_and_asked_about_once(stage: Stage) -> None:
    source = stage.source(Vault())
    access = await _access(source)
    stage.issuer.answer = lambda: web.json_response(
        {"error": "invalid_grant", "error_description": "revoked"}, status=400
    )
    verdicts = await asyncio.gather(*(source.refused(access, WORDS) for _ in range(100)))
    assert verdicts == [Dead("400 invalid_grant: revoked")] * 100
    assert len(stage.issuer.forms) == 1
    stage.write("refresh", "refresh-1")
    stage.write("access", "access-1")
    assert await source.refused(access, WORDS) == Again(0.0, WORDS)
    assert (await _access(source)).token == "access-1"


async def test_an_ended_token_whose_refresh_is_dead_is_not_used(stage: Stage) -> None:
    source = stage.source(Vault())
    await source.refused(await _access(source), WORDS)
    stage.now = NOW + 61 * DAY
    stage.issuer.answer = lambda: web.json_response({"error": "invalid_grant"}, status=400)
    assert await source.access() == Dead("400 invalid_grant")
    assert await source.access() == Dead("400 invalid_grant")
    assert len(stage.issuer.forms) == 2


async def test_a_missing_client_secret_is_said_and_survived(stage: Stage) -> None:
    source = stage.source(Vault())
    access = await _access(source)
    (stage.folder / "secret").unlink()
    assert await source.refused(access, WORDS) == Dead("the file of the client secret cannot be read")


async def test_a_fresh_token_is_given_time_to_spread_by_all_callers_together(stage: Stage) -> None:
    source = stage.source(Vault())
    await source.refused(await _access(source), WORDS)
    fresh = await _access(source)
    for _ in range(5):
        verdicts = await asyncio.gather(*(source.refused(fresh, WORDS) for _ in range(20)))
        assert verdicts == [Again(2.0, WORDS)] * 20
        stage.now += 2.0
    assert await source.refused(fresh, WORDS) == Dead(WORDS)
    assert len(stage.issuer.forms) == 1
    stage.now = fresh.fresh_until + 1
    assert await source.refused(fresh, WORDS) == Again(0.0, WORDS)
    assert len(stage.issuer.forms) == 2


async def test_a_refused_token_that_cannot_be_refreshed_is_dead_after_patience(stage: Stage) -> None:
    source = stage.source(refreshable=False)
    access = await _access(source)
    assert await source.refused(access, WORDS) == Again(2.0, WORDS)
    stage.now += FRESH + 1
    assert await source.refused(access, WORDS) == Dead(WORDS)


async def test_a_clock_that_jumps_back_stops_nothing(stage: Stage) -> None:
    source = stage.source(Vault())
    await source.refused(await _access(source), WORDS)
    stage.now -= 30 * DAY
    fresh = await _access(source)
    assert await source.refused(fresh, WORDS) == Again(0.0, WORDS)


async def test_a_claim_nobody_ends_is_waited_for_and_reported(stage: Stage) -> None:
    vault = Vault()
    vault.claimed = True
    source = stage.source(vault)
    verdict = await source.refused(await _access(source), WORDS)
    assert isinstance(verdict, Again)
    assert verdict.wait > 0
    assert stage.issuer.forms == []
    assert stage.now - NOW >= stage.client.endpoint.request_timeout


async def test_no_representation_shows_a_token(stage: Stage) -> None:
    source = stage.source(Vault())
    access = await _access(source)
    await source.refused(access, WORDS)
    shown = repr(access) + repr(await source.access()) + repr(source._held) + repr(source) + repr(source._files.content)
    for secret in ("access-0", "refresh-0", "issued-1", "s3cret"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("said", "old_end", "end"),
    [
        ({"refresh_token": "r", "refresh_token_expires_in": 5000}, 1000.0, 1000.0),
        ({"refresh_token": "r", "refresh_token_expires_in": 880}, 1000.0, 1000.0),
        ({"refresh_token": "r", "refresh_token_expires_in": 300}, 1000.0, 400.0),
        ({"refresh_token_expires_in": 5000}, 1000.0, 1000.0),
        ({}, 1000.0, 1000.0),
        ({"refresh_token": "r", "refresh_token_expires_in": 5000}, None, 5100.0),
        ({"refresh_token": "new", "refresh_token_expires_in": 5000}, 1000.0, 5100.0),
        ({"refresh_token": "new"}, 1000.0, None),
    ],
)
def test_the_end_of_a_refresh_token_stands_still(
    said: dict[str, Any], old_end: float | None, end: float | None
) -> None:
    body = web.json_response({"access_token": "b", "expires_in": 50} | said).body
    assert isinstance(body, bytes)
    old = Tokens(access="a", refresh="r", refresh_ends=old_end, source="digest")
    tokens = granted(Answer(200, body=body), old, 100.0)
    assert tokens == Tokens(
        access="b", access_ends=150.0, refresh=said.get("refresh_token", "r"), refresh_ends=end, source="digest"
    )


def test_consent_is_asked_for_and_its_code_redeemed() -> None:
    url = authorization_url(
        "https://www.linkedin.com/oauth/v2/",
        client_id="app",
        redirect_uri="https://syncd.example/back",
        state="s",
        scopes=("rw_dmp_segments", "r_ads"),
    )
    assert url == (
        "https://www.linkedin.com/oauth/v2/authorization?response_type=code&client_id=app"
        "&redirect_uri=https%3A%2F%2Fsyncd.example%2Fback&state=s&scope=rw_dmp_segments%20r_ads"
    )
    assert redeeming("c", "https://syncd.example/back", "app", "x")["grant_type"] == "authorization_code"


async def test_a_vault_that_is_away_for_now_ends_nothing(stage: Stage) -> None:
    class Away(Vault):
        async def read(self) -> Tokens | None:
            raise Transient("the database cannot be reached")

    source = stage.source(Away())
    assert isinstance(await source.access(), Again)
    works = stage.source(Vault())
    assert isinstance(await stage.source(Away()).refused(await _access(works), "401"), Again)
