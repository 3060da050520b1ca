"""The web application over a real database, and people who come to it: with a session as browsers do, or with a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar
from aiohttp.test_utils import TestServer

from syncd.admin.app import ROUTES, install
from syncd.admin.desk import Desk
from syncd.admin.routes import Route
from syncd.domain.access import COMMAND_LINE, Role
from syncd.observe.health import health_app
from syncd.observe.metrics import Metrics
from syncd.operations import access, people
from syncd.operations.access import Reception
from syncd.operations.passwords import Guesses, Passwords
from syncd.operations.people import NewPerson, NewToken
from syncd.settings import Settings
from syncd.store.engine import Database

PASSWORD = "correct horse battery"
OURS = "urn:li:sponsoredAccount:123456"
THEIRS = "urn:li:sponsoredAccount:654321"


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Somebody at the door: a browser with a cookie jar, or a program with a token."""

    http: ClientSession
    base: str
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def ask(self, method: str, path: str, **more: Any) -> ClientResponse:
        """A request as this visitor's program makes it. `headers=` stand over its own."""
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.http.request(method, self.base + path, headers=headers, allow_redirects=False, **more)

    async def get(self, path: str, **more: Any) -> Any:
        """JSON of a GET that is let through."""
        async with await self.ask("GET", path, **more) as response:
            assert response.status == 200, (response.status, await response.text())
            return await response.json()

    async def send(self, method: str, path: str, body: object = None, status: int = 200, **more: Any) -> Any:
        """JSON of the answer, which has that status; None where it has no body."""
        given = {} if body is None else {"json": body}
        async with await self.ask(method, path, **given, **more) as response:
            text = await response.text()
            assert response.status == status, (response.status, text)
            return await response.json(content_type=None) if text else None


@dataclass(slots=True, kw_only=True)
class House:
    desk: Desk
    server: TestServer
    open: AsyncExitStack

    @property
    def database(self) -> Database:
        return self.desk.database

    @property
    def base(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def visitor(self, **headers: str) -> Visitor:
        """Somebody without anything."""
        jar = CookieJar(unsafe=True)
        http = await self.open.enter_async_context(ClientSession(cookie_jar=jar))
        return Visitor(http=http, base=self.base, headers=headers)

    async def program(self, role: Role = Role.ADMIN, *accounts: str, days: int = 1) -> Visitor:
        """A program with a token of that role, limited to those accounts if any are named."""
        wanted = NewToken(name=f"a {role}", role=role, days=days, accounts=frozenset(accounts) or None)
        made = await people.add_token(self.database, wanted, COMMAND_LINE)
        return await self.visitor(Authorization=f"Bearer {made.token}")

    async def browser(self, role: Role = Role.ADMIN, *accounts: str, name: str = "") -> Visitor:
        """Somebody who is signed in: made a person first if nobody has the name."""
        name = name or f"{role}-{len(accounts)}"
        if name not in {one.name for one in await people.listed(self.database)}:
            limited = frozenset(accounts) or None
            wanted = NewPerson(name=name, role=role, password=PASSWORD, accounts=limited)
            await people.add(self.database, self.desk.reception.passwords, wanted, COMMAND_LINE)
        visitor = await self.visitor(Origin=self.base)
        told = await visitor.send("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
        visitor.csrf = told["csrf"]
        visitor.headers["X-CSRF-Token"] = visitor.csrf
        return visitor


@asynccontextmanager
async def opened(
    database: Database, settings: Settings, routes: tuple[Route, ...] = ROUTES, **desk: Any
) -> AsyncIterator[House]:
    """The application, served on a free port. `desk=` replaces what handlers work with."""
    made = Desk(database=database, settings=settings, **desk)
    app = health_app(Metrics(settings.linkedin.api_version, []), made.reasons)
    install(app, made, routes)
    async with AsyncExitStack() as stack:
        server = TestServer(app, host="127.0.0.1")
        await stack.enter_async_context(server)
        yield House(desk=made, server=server, open=stack)


def reception(monotonic: Any) -> Reception:
    """Sign-ins that count wrong guesses by another clock."""
    return Reception(passwords=Passwords(), guesses=Guesses(monotonic))


__all__ = ["OURS", "PASSWORD", "THEIRS", "House", "Visitor", "access", "opened", "reception"]
