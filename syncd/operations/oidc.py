"""Signing in at an identity provider by OpenID Connect: code flow with state, nonce and PKCE, the token's signature checked.

What must come back is kept by the browser in a sealed cookie, so any replica can finish what another began. The provider
is the one of the configuration: what its discovery document names has to be https on a public address, unless it is on the
issuer's own host, which the operator chose. Redirects are not followed, answers are bounded.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from cryptography.fernet import Fernet, InvalidToken

from syncd.domain.access import Role
from syncd.errors import BadConfiguration, Denied, Rejected, Transient
from syncd.linkedin.guard import Guarded, is_loopback
from syncd.operations.voices import Clock
from syncd.settings import Settings
from syncd.settings.checks import is_name
from syncd.settings.web import Oidc

BACK: Final = "/sign-in/oidc/back"
PATIENCE: Final = 600
"""Seconds a sign-in may take."""
_CAP: Final = 1_048_576
_LEEWAY: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_ACCOUNT: Final = "urn:li:sponsoredAccount:"
_IS_ACCOUNT: Final = re.compile(_ACCOUNT + "[0-9]{1,18}")

T = TypeVar("T")


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str

    def __repr__(self) -> str:
        return "_Tokens(…)"


class _Memory(msgspec.Struct, frozen=True):
    """What the browser keeps until it comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the browser goes, and the sealed cookie it takes along."""

    url: str
    memory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Whom the provider says it is: `subject` for ever, `name` for people; `role` and `accounts` by its claims, None for no
    role, and for all ad accounts.
    """

    subject: str
    name: str
    role: Role | None
    accounts: frozenset[str] | None

    @property
    def is_admin_of_all(self) -> bool:
        return self.role is Role.ADMIN and self.accounts is None

    def why_not(self) -> Denied | None:
        """Why they may do nothing here; None if they may something."""
        if self.role is None:
            return Denied("the identity provider knows you, but gives you no role here")
        if self.accounts is not None and not self.accounts:
            return Denied("the identity provider knows you, but gives you no ad account here")
        return None


class Discovery:
    """What the provider says of itself, kept for an hour."""

    LIFE: Final = 3_600.0

    def __init__(self) -> None:
        self._found: _Discovered | None = None
        self._until = 0.0

    def at(self, now: float) -> _Discovered | None:
        """None where it has to be asked."""
        return self._found if now < self._until else None

    def keep(self, found: _Discovered, now: float) -> _Discovered:
        self._found, self._until = found, now + self.LIFE
        return found


class Provider:
    """The identity provider of the configuration."""

    def __init__(self, settings: Settings, discovery: Discovery, clock: Clock = Clock()) -> None:
        oidc, public_url = settings.oidc, settings.http.public_url
        if oidc.issuer is None or oidc.client_id is None or oidc.client_secret is None or public_url is None:
            raise Rejected("no identity provider is configured: sign in with name and password")
        if find_spec("joserfc") is None:
            raise BadConfiguration("an identity provider needs the extra `oidc`: pip install 'syncd[oidc]'")
        self._oidc: Final[Oidc] = oidc
        self._issuer: Final = oidc.issuer
        self._client: Final = oidc.client_id
        self._secret: Final = oidc.client_secret.get_secret_value()
        self._redirect: Final = public_url.rstrip("/") + BACK
        self._discovery: Final = discovery
        self._clock: Final = clock

    async def begin(self) -> Begun:
        memory = _Memory(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48)
        )
        async with self._session() as session:
            found = await self._discovered(session)
        query = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._redirect,
            "scope": "openid profile",
            "state": memory.state,
            "nonce": memory.nonce,
            "code_challenge": _challenge(memory.verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
        sealed = self._sealer().encrypt(msgspec.json.encode(memory)).decode()
        return Begun(url=f"{found.authorization_endpoint}{joint}{urlencode(query)}", memory=sealed)

    async def finish(self, sealed: str, arrived: Mapping[str, str]) -> Known:
        """Raises Denied for what does not answer the sign-in that this browser began."""
        try:
            opened = self._sealer().decrypt(sealed.encode(errors="replace"), ttl=PATIENCE)
            memory = msgspec.json.decode(opened, type=_Memory)
        except (InvalidToken, msgspec.MsgspecError):
            raise Denied("this sign-in is too old, or was begun elsewhere: begin again") from None
        if not secrets.compare_digest(arrived.get("state", "").encode(), memory.state.encode()):
            raise Denied("this does not answer the sign-in that was begun here: begin again")
        async with self._session() as session:
            found = await self._discovered(session)
            if arrived.get("iss", found.issuer) != found.issuer or not arrived.get("code"):
                raise Denied("the identity provider let nobody in")
            told = await self._redeem(session, found, arrived["code"], memory.verifier)
            keys = await self._got(session, found.jwks_uri)
        return self._known(self._claims(told.id_token, keys, found.issuer, memory.nonce))

    async def _redeem(self, session: aiohttp.ClientSession, found: _Discovered, code: str, verifier: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self._client,
            "client_secret": self._secret,
            "code_verifier": verifier,
        }
        return _decoded(await self._asked(session, "POST", found.token_endpoint, form), _Tokens)

    def _claims(self, token: str, keys: bytes, issuer: str, nonce: str) -> dict[str, Any]:
        """The token's claims, if the provider signed them, for us, now, for this sign-in. It names itself in them to the
        letter as in its document, be it with a slash at the end.
        """
        from joserfc import jwt  # noqa: PLC0415 - an extra
        from joserfc.errors import JoseError  # noqa: PLC0415 - likewise
        from joserfc.jwk import KeySet  # noqa: PLC0415 - likewise

        try:
            known = KeySet.import_key_set(msgspec.json.decode(keys))
            claims = jwt.decode(token, known, algorithms=_ALGORITHMS).claims
            registry = jwt.JWTClaimsRegistry(
                now=int(self._clock.wall()),
                leeway=_LEEWAY,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": self._client},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(claims)
        except (JoseError, msgspec.MsgspecError, ValueError, TypeError, KeyError):
            raise Denied("the identity provider's token is not good") from None
        if claims.get("azp", self._client) != self._client:
            raise Denied("the identity provider's token is for somebody else")
        return claims

    def _known(self, claims: Mapping[str, Any]) -> Known:
        has = _words(claims.get(self._oidc.role_claim))
        wanted = (
            (self._oidc.admin, Role.ADMIN),
            (self._oidc.operator, Role.OPERATOR),
            (self._oidc.viewer, Role.VIEWER),
        )
        role = next((role for name, role in wanted if name is not None and name in has), None)
        named = {_ACCOUNT + one.removeprefix(_ACCOUNT) for one in _words(claims.get(self._oidc.accounts_claim))}
        accounts = None if self._oidc.all_accounts in has else frozenset(filter(_IS_ACCOUNT.fullmatch, named))
        name = claims.get("preferred_username") or claims.get("name") or ""
        return Known(subject=f"{self._issuer} {claims['sub']}", name=str(name), role=role, accounts=accounts)

    async def _discovered(self, session: aiohttp.ClientSession) -> _Discovered:
        now = self._clock.wall()
        if (kept := self._discovery.at(now)) is not None:
            return kept
        body = await self._got(session, f"{self._issuer}/.well-known/openid-configuration")
        found = _decoded(body, _Discovered)
        if found.issuer.rstrip("/") != self._issuer:
            raise BadConfiguration("the identity provider calls itself otherwise: correct oidc.issuer")
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            self._permit(url)
        return self._discovery.keep(found, now)

    def _permit(self, url: str) -> None:
        """Https anywhere, or whatever the issuer itself is where that is a loopback address."""
        ours, theirs = urlsplit(self._issuer), urlsplit(url)
        same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        loopback = is_loopback(ours.hostname or "")
        plain = theirs.username is None and theirs.password is None and not theirs.fragment
        named = same or (theirs.scheme == "https" and is_name(theirs.hostname or ""))
        if not plain or not (same if loopback else named):
            raise BadConfiguration("the identity provider names an address that is not https")

    async def _got(self, session: aiohttp.ClientSession, url: str) -> bytes:
        return await self._asked(session, "GET", url)

    async def _asked(
        self, session: aiohttp.ClientSession, method: str, url: str, form: Mapping[str, str] | None = None
    ) -> bytes:
        try:
            async with session.request(method, url, data=form, allow_redirects=False) as response:
                body = b""
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > _CAP:
                        raise Transient("the identity provider says too much")
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Transient("the identity provider cannot be reached: try again later") from None
        if response.status >= 500:
            raise Transient("the identity provider failed: try again later")
        if response.status != 200:
            raise Denied("the identity provider let nobody in")
        return body

    def _session(self) -> aiohttp.ClientSession:
        host = urlsplit(self._issuer).hostname or ""
        resolver = Guarded(aiohttp.ThreadedResolver(), exempt=frozenset({host}))
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver),
            timeout=aiohttp.ClientTimeout(total=10),
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _sealer(self) -> Fernet:
        """A key of the client's secret, which every replica has."""
        return Fernet(urlsafe_b64encode(sha256(b"syncd oidc\0" + self._secret.encode()).digest()))


def _words(claim: object) -> set[str]:
    """A claim's texts, be it one or a list."""
    return {one for one in (claim if isinstance(claim, list) else [claim]) if isinstance(one, str)}


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _decoded(body: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.MsgspecError:
        raise Transient("the identity provider does not answer as OpenID Connect has it") from None
