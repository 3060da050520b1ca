"""Signing in at an identity provider: a small one of our own, honest at first, then forging whatever it can."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from syncd.domain.access import COMMAND_LINE, Role
from syncd.errors import BadConfiguration, Rejected
from syncd.operations import oidc, people
from syncd.operations.oidc import Discovery, Provider
from syncd.operations.passwords import Passwords
from syncd.operations.people import NewPerson
from syncd.operations.voices import Clock
from syncd.settings.web import Http, Oidc
from syncd.store.engine import Database
from tests.component.admin.conftest import made
from tests.component.admin.house import OURS, PASSWORD, THEIRS, House, Visitor, opened

PUBLIC = "http://127.0.0.1:9"
ME = "/api/v1/session"


@dataclass
class Issuer:
    """Issues one code; `forge` replaces claims, `key` and `alg` what they are signed with."""

    url: str = ""
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "a"}))
    signs_with: Any = None
    alg: str = "RS256"
    forge: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    redeemed: list[dict[str, str]] = field(default_factory=list)
    discovered: int = 0
    name: str = ""
    """What it calls itself, if not by its address."""

    async def discovery(self, _request: web.Request) -> web.Response:
        self.discovered += 1
        told = {
            "issuer": self.name or self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return web.json_response(told | self.document)

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.redeemed.append(form)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        good = (
            form["code"] == "the-code"
            and form["redirect_uri"] == self.asked["redirect_uri"]
            and challenge == self.asked["code_challenge"]
            and form["client_secret"] == "a secret of theirs"
        )
        if not good:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.name or self.url,
            "aud": "syncd",
            "sub": "subject-1",
            "exp": now + 300,
            "iat": now,
            "nonce": self.asked["nonce"],
            "preferred_username": "Ann.Example",
            "groups": ["others", "syncd-operators", "syncd-all-accounts"],
        } | self.forge
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode({"alg": self.alg, "kid": "a"}, claims, self.signs_with or self.key, algorithms=[self.alg])
        return web.json_response({"id_token": signed, "access_token": "unused", "token_type": "Bearer"})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/keys", issuer.keys)
    app.router.add_post("/token", issuer.token)
    async with TestServer(app, host="127.0.0.1") as server:
        issuer.url = str(server.make_url("")).rstrip("/")
        yield issuer


@pytest.fixture
async def house(database: Database, store_url: str, tmp_path: Path, issuer: Issuer) -> AsyncIterator[House]:
    secret = SecretStr("a secret of theirs")
    settings = made(
        store_url,
        tmp_path,
        http=Http(public_url=PUBLIC),
        oidc=Oidc(issuer=issuer.url, client_id="syncd", client_secret=secret),
    )
    async with opened(database, settings) as house:
        yield house


async def left(house: House, issuer: Issuer) -> Visitor:
    """A browser that has gone to the provider."""
    visitor = await house.visitor(Accept="text/html")
    async with await visitor.ask("GET", "/sign-in/oidc") as response:
        assert response.status == 303, await response.text()
        address = urlsplit(response.headers["Location"])
        cookie = response.headers["Set-Cookie"]
    assert address.path == "/authorize"
    issuer.asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert issuer.asked["nonce"] not in cookie
    return visitor


async def came_back(visitor: Visitor, issuer: Issuer, **other: str) -> int:
    query = {"code": "the-code", "state": issuer.asked["state"], "session_state": "passed over"} | other
    async with await visitor.ask("GET", oidc.BACK, params=query) as response:
        text = await response.text()
        assert "Traceback" not in text
        return response.status


async def test_whoever_the_provider_vouches_for_is_signed_in_with_the_role_of_its_claim(
    house: House, issuer: Issuer
) -> None:
    visitor = await left(house, issuer)
    assert issuer.asked["redirect_uri"] == PUBLIC + "/sign-in/oidc/back"
    assert (issuer.asked["response_type"], issuer.asked["code_challenge_method"]) == ("code", "S256")
    assert await came_back(visitor, issuer) == 200
    me = await visitor.get(ME)
    assert (me["name"], me["role"]) == ("ann.example", "operator")
    issuer.forge = {"groups": ["syncd-admins", "syncd-all-accounts"], "preferred_username": "renamed"}
    again = await left(house, issuer)
    assert await came_back(again, issuer) == 200
    assert (await again.get(ME))["role"] == "admin"
    assert [(one.name, one.role) for one in await people.listed(house.database)] == [("ann.example", Role.ADMIN)]
    await visitor.send("GET", ME, status=401)


async def test_nobody_takes_over_an_account_by_its_name_or_signs_in_without_a_password(
    house: House, issuer: Issuer
) -> None:
    made_here = NewPerson(name="ann.example", role=Role.ADMIN, password=PASSWORD)
    await people.add(house.database, Passwords(), made_here, COMMAND_LINE)
    visitor = await left(house, issuer)
    assert await came_back(visitor, issuer) == 200
    me = await visitor.get(ME)
    assert me["name"].startswith("oidc-")
    assert me["role"] == "operator"
    other = await house.visitor(Origin=PUBLIC)
    await other.send("POST", ME, {"name": me["name"], "password": ""}, 401)


async def test_a_sign_in_is_finished_only_by_the_browser_that_began_it(house: House, issuer: Issuer) -> None:
    await left(house, issuer)
    assert await came_back(await house.visitor(), issuer) == 403
    other = await left(house, issuer)
    assert await came_back(other, issuer, state="forged") == 403
    assert await came_back(other, issuer, state="") == 403
    assert await came_back(other, issuer, iss="https://evil.example") == 403
    assert await came_back(other, issuer, code="", error="access_denied") == 403
    assert not issuer.redeemed
    assert await came_back(other, issuer) == 200
    assert await came_back(other, issuer) == 403  # the cookie went with the first


@pytest.mark.parametrize(
    "forge",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"aud": ["syncd", "somebody-else"], "azp": "somebody-else"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"groups": ["others"]},
        {"groups": ["others", "syncd-all-accounts"]},
        {"groups": ["syncd-operators"]},
        {"groups": ["syncd-operators"], "syncd_accounts": ["all", "*", "urn:li:sponsoredAccount:", 7]},
        {"groups": None},
        {"groups": 7},
    ],
)
async def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(
    house: House, issuer: Issuer, forge: dict[str, Any]
) -> None:
    issuer.forge = forge
    visitor = await left(house, issuer)
    assert await came_back(visitor, issuer) == 403
    await visitor.send("GET", ME, status=401)
    assert await people.listed(house.database) == []


async def test_a_signature_of_somebody_else_lets_nobody_in(house: House, issuer: Issuer) -> None:
    issuer.signs_with = RSAKey.generate_key(2048, {"kid": "a"})
    assert await came_back(await left(house, issuer), issuer) == 403
    issuer.signs_with, issuer.alg = OctKey.import_key("the public key as a secret, which all know"), "HS256"
    assert await came_back(await left(house, issuer), issuer) == 403


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://169.254.169.254/x", "https://user@evil.example/"])
async def test_a_provider_leads_nowhere_else(house: House, issuer: Issuer, name: str, url: str) -> None:
    issuer.document = {name: url}
    visitor = await house.visitor()
    async with await visitor.ask("GET", "/sign-in/oidc") as response:
        assert response.status == 409


async def test_a_provider_that_calls_itself_otherwise_is_not_believed(house: House, issuer: Issuer) -> None:
    issuer.document = {"issuer": "https://evil.example"}
    async with await (await house.visitor()).ask("GET", "/sign-in/oidc") as response:
        assert response.status == 409


async def signed_in(house: House, issuer: Issuer, **claims: Any) -> Visitor:
    issuer.forge = claims
    visitor = await left(house, issuer)
    assert await came_back(visitor, issuer) == 200
    return visitor


async def refused(house: House, issuer: Issuer, **claims: Any) -> None:
    issuer.forge = claims
    assert await came_back(await left(house, issuer), issuer) == 403


@pytest.mark.parametrize("claim", [[OURS, "654321", "none"], "123456"])
async def test_whoever_comes_in_sees_the_ad_accounts_of_the_claim_only(
    house: House, issuer: Issuer, claim: object
) -> None:
    visitor = await signed_in(house, issuer, groups=["syncd-operators"], syncd_accounts=claim)
    assert (await visitor.get(ME))["accounts"] == ([OURS, THEIRS] if isinstance(claim, list) else [OURS])
    again = await signed_in(house, issuer, groups=["syncd-operators"], syncd_accounts=[THEIRS])
    assert (await again.get(ME))["accounts"] == [THEIRS]
    await visitor.send("GET", ME, status=401)


async def test_a_provider_may_call_itself_with_a_slash_at_the_end(house: House, issuer: Issuer) -> None:
    issuer.name = issuer.url + "/"
    assert (await (await signed_in(house, issuer)).get(ME))["name"] == "ann.example"
    issuer.forge = {"iss": issuer.url}
    assert await came_back(await left(house, issuer), issuer) == 403


async def test_whoever_was_removed_stays_out_until_an_admin_gives_them_a_role(house: House, issuer: Issuer) -> None:
    visitor, admin = await signed_in(house, issuer), await house.program(Role.ADMIN)
    await people.remove(house.database, "ann.example", COMMAND_LINE)
    await visitor.send("GET", ME, status=401)
    await refused(house, issuer)
    (shown,) = (await admin.get("/api/v1/people"))["items"]
    assert (shown["name"], shown["removed_at"] is not None) == ("ann.example", True)
    await admin.send("PATCH", "/api/v1/people/ann.example", {"accounts": [OURS]}, 409)
    await admin.send("PATCH", "/api/v1/people/ann.example", {"role": "viewer"})
    assert (await (await signed_in(house, issuer)).get(ME))["role"] == "operator"


async def test_whoever_loses_every_role_or_account_at_the_provider_is_signed_out_everywhere(
    house: House, issuer: Issuer
) -> None:
    for claims in ({"groups": ["others"]}, {"groups": ["syncd-operators"]}):
        visitor = await signed_in(house, issuer)
        await refused(house, issuer, **claims)
        await visitor.send("GET", ME, status=401)


async def test_a_claim_does_not_take_the_last_admin_away(house: House, issuer: Issuer) -> None:
    everything = ["syncd-admins", "syncd-all-accounts"]
    visitor = await signed_in(house, issuer, groups=everything)
    await refused(house, issuer)
    await refused(house, issuer, groups=["syncd-admins"], syncd_accounts=[OURS])
    assert [one.role for one in await people.listed(house.database)] == [Role.ADMIN]
    await visitor.send("GET", ME, status=401)
    await signed_in(house, issuer, groups=everything, sub="another", preferred_username="bob")
    assert (await (await signed_in(house, issuer)).get(ME))["role"] == "operator"


async def test_a_provider_is_asked_what_it_is_once_an_hour(
    database: Database, store_url: str, tmp_path: Path, issuer: Issuer
) -> None:
    now = [time.time()]
    oidc_settings = Oidc(issuer=issuer.url, client_id="syncd", client_secret=SecretStr("a secret of theirs"))
    settings = made(store_url, tmp_path, http=Http(public_url=PUBLIC), oidc=oidc_settings)
    async with opened(database, settings, clock=Clock(wall=lambda: now[0])) as house:
        await signed_in(house, issuer)
        await left(house, issuer)
        assert issuer.discovered == 1
        now[0] += Discovery.LIFE
        await left(house, issuer)
        assert issuer.discovered == 2


async def test_without_a_provider_there_is_nothing_to_leave_for(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        Provider(made(store_url, tmp_path), Discovery())


async def test_a_provider_is_whole_or_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (
        {"issuer": "http://login.example.com", "client_id": "x", "client_secret": "y"},
        {"issuer": "https://login.example.com", "client_id": "x"},
        {"issuer": "not a url", "client_id": "x", "client_secret": "y"},
    ):
        with pytest.raises(ValueError, match=r"https|needs|must"):
            Oidc.model_validate(given)
    whole = Oidc(issuer="https://login.example.com", client_id="x", client_secret=SecretStr("y"))
    monkeypatch.setattr(oidc, "find_spec", lambda _name: None)
    from syncd.settings import Settings  # noqa: PLC0415  # beside its only use

    settings = Settings(http=Http(public_url="https://syncd.example.com"), oidc=whole)
    with pytest.raises(BadConfiguration, match="extra"):
        Provider(settings, Discovery())
    with pytest.raises(ValueError, match="public_url"):
        Settings(oidc=whole)
