"""A small client for the sandbox's own tests: it says what a test wants in a test's words."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from syncd.sandbox.world import WORLD, World

ACCOUNT = "urn:li:sponsoredAccount:123456"


FACET = "urn:li:adTargetingFacet:"
Facets = dict[str, list[str]]
US: Facets = {"locations": ["urn:li:geo:103644278"]}
FINANCE: Facets = {"jobFunctions": ["urn:li:function:10"]}


class FakeTime:
    """Machine time that stands still until it is moved."""

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self._epoch + self.seconds


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def user(text: str, action: str = "ADD", **more: Any) -> dict[str, Any]:
    return {"action": action, "userIds": [{"idType": "SHA256_EMAIL", "idValue": digest(text)}], **more}


def company(name: str, action: str = "ADD", **more: Any) -> dict[str, Any]:
    return {"action": action, "companyName": name, **more}


def criteria(*clauses: Facets, exclude: Facets | None = None) -> dict[str, Any]:
    def named(clause: Facets) -> dict[str, Any]:
        return {"or": {FACET + facet: urns for facet, urns in clause.items()}}

    told: dict[str, Any] = {"include": {"and": [named(clause) for clause in clauses]}}
    return told | ({"exclude": named(exclude)} if exclude else {})


@dataclass
class Sandbox:
    client: TestClient[Request, Application]
    time: FakeTime

    @property
    def world(self) -> World:
        assert self.client.app is not None
        return self.client.app[WORLD]

    def headers(self, token: str | None = "sandbox-token", **changes: str | None) -> dict[str, str]:
        told = {
            "Authorization": f"Bearer {token}" if token else None,
            "LinkedIn-Version": "202612",
            "X-Restli-Protocol-Version": "2.0.0",
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in told.items() if value is not None}

    async def call(
        self, verb: str, path: str, json: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> ClientResponse:
        told = dict(self.headers() if headers is None else headers)
        data = None
        if json is not None:
            data = json if isinstance(json, bytes) else msgspec.json.encode(json)
            told.setdefault("Content-Type", "application/json")
        response = await self.client.request(verb, f"/rest{path}", data=data, headers=told, allow_redirects=False)
        await response.read()
        return response

    async def create(
        self, key: str = "seg", type_: str = "USER", account: str = ACCOUNT, token: str | None = None
    ) -> str:
        body = {
            "name": key,
            "account": account,
            "sourcePlatform": "FAKE",
            "sourceSegmentId": key,
            "type": type_,
            "destinations": [{"destination": "LINKEDIN"}],
        }
        response = await self.call("POST", "/dmpSegments", body, headers=self.headers(token or "sandbox-token"))
        assert response.status == 201, await response.text()
        return response.headers["x-restli-id"]

    async def synced(self, elements: list[dict[str, Any]], type_: str = "USER", key: str = "seg") -> Facets:
        """A segment with these people, matched; the facet that targets it."""
        segment = await self.create(key, type_)
        await self.statuses(segment, elements, "users" if type_ == "USER" else "companies")
        await self.control("clock", {"advance": 49 * 3_600})
        destination = (await self.status(segment))["destinations"][0]
        return {"audienceMatchingSegments": [destination["destinationSegmentId"]]}

    async def stream(
        self, segment: str, elements: Any, resource: str = "users", token: str | None = "sandbox-token"
    ) -> ClientResponse:
        headers = self.headers(token, X_RestLi_Method="BATCH_CREATE")
        body = elements if isinstance(elements, bytes) else {"elements": elements}
        return await self.call("POST", f"/dmpSegments/{segment}/{resource}", body, headers=headers)

    async def statuses(self, segment: str, elements: Any, resource: str = "users") -> list[int]:
        response = await self.stream(segment, elements, resource)
        assert response.status == 200, await response.text()
        return [result["status"] for result in (await response.json())["elements"]]

    async def status(self, segment: str) -> dict[str, Any]:
        response = await self.call("GET", f"/dmpSegments/{segment}")
        document: dict[str, Any] = await response.json()
        return document

    async def members(self, segment: str) -> set[str]:
        response = await self.client.get(f"/_sandbox/segments/{segment}/members")
        return set((await response.text()).splitlines())

    async def control(self, path: str, json: Any, verb: str = "POST") -> Any:
        response = await self.client.request(verb, f"/_sandbox/{path}", json=json)
        assert response.status < 300, await response.text()
        return await response.json() if response.status != 204 else None

    async def look(self, path: str) -> Any:
        return await (await self.client.get(f"/_sandbox/{path}".rstrip("/"))).json()

    async def fault(self, effect: Mapping[str, Any], **more: Any) -> int:
        ids = (await self.control("faults", {"effect": effect, **more}))["ids"]
        number: int = ids[0]
        return number

    async def log(self, since: int = 0) -> list[dict[str, Any]]:
        text = await (await self.client.get(f"/_sandbox/requests?since={since}")).text()
        return [msgspec.json.decode(line) for line in text.splitlines()]

    async def token(self, form: Mapping[str, str]) -> ClientResponse:
        secrets = {"client_id": "demo-app", "client_secret": "demo-secret"}
        response = await self.client.post("/oauth/v2/accessToken", data=secrets | dict(form))
        await response.read()
        return response


def encoded(urn: str) -> str:
    return quote(urn, safe="")
