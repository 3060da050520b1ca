"""A scripted LinkedIn on virtual time, and the transport that leads to it.

What happens to a request is decided when it leaves: when it arrives, whether and when it is applied, what is answered and
when. The server goes on when the client has given up or died. Every arrival is logged.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any, Self
from urllib.parse import parse_qs

from syncd.domain.outcome import Answer, Unclear
from syncd.linkedin.guard import Endpoint
from syncd.linkedin.words import complete
from tests.simulation import answers
from tests.simulation.loop import PROCESS, VirtualLoop
from tests.simulation.records import Dmp, Sent
from tests.simulation.weather import Plan, Weather


class World:
    """LinkedIn's side of a run."""

    def __init__(self, loop: VirtualLoop, weather: Weather, dice: random.Random, wall: Callable[[], float]) -> None:
        self.loop = loop
        self.weather = weather
        self.dice = dice
        self.wall = wall
        self.segments: dict[int, Dmp] = {}
        self.created: list[Dmp] = []
        self.sent: list[Sent] = []
        self.tokens: dict[str, str] = {}
        self.fresh: dict[str, float] = {}
        self.late = False
        self.note: Callable[[str], None] = lambda _text: None
        self.context = copy_context()
        self._numbers = 9_000

    def later(self, wait: float, work: Callable[[], None]) -> None:
        self.loop.call_later(max(0.0, wait), work, context=self.context)

    def authorizes(self, token: str) -> str | None:
        """The member a token belongs to, while it is good."""
        member = self.tokens.get(token)
        if member is None or self.weather.token_outage or self.loop.time() < self.fresh.get(token, 0.0):
            return None
        return member

    def stream(self, sent: Sent, plan: Plan, token: str) -> tuple[int, bytes]:
        """A BATCH_CREATE arrives: what is answered. Application follows the plan."""
        if self.authorizes(token) is None:
            return answers.error("unauthorized")
        dmp = self.segments.get(sent.dmp_id)
        if dmp is None or dmp.visible > self.loop.time():
            return answers.error("not_found")
        if plan.kind in answers.ERRORS and plan.kind not in {"failed_applied", "gateway_applied"}:
            return answers.error(plan.kind)
        if self.weather.most is not None and len(sent.elements) > self.weather.most:
            return answers.error("too_large")
        if any(self.weather.is_bomb(keys) for _, keys in sent.elements):
            return answers.error("failed")
        if any(self.weather.is_poison(keys) for _, keys in sent.elements):
            return answers.error("refused")
        statuses = self.weather.statuses(plan, sent.elements)
        sent.taken = [status == 201 for status in statuses]
        if plan.apply_after <= 0:
            self._apply(sent, dmp)
        else:
            self.late = True
            self.note("late_apply")
            self.later(plan.apply_after, lambda: self._apply(sent, dmp))
        if plan.kind == "failed_applied":
            return answers.error("failed")
        if plan.kind == "gateway_applied":
            return answers.error("gateway")
        if plan.kind not in {"malformed", "wrong_length"}:
            sent.statuses = statuses
        return 200, answers.results(statuses, plan, self.dice)

    def _apply(self, sent: Sent, dmp: Dmp) -> None:
        sent.applied.append(self.loop.time())
        for (action, keys), taken in zip(sent.elements, sent.taken, strict=True):
            if taken and action == "ADD":
                dmp.members.update(keys)
            elif taken:
                dmp.members.difference_update(keys)

    def segment_call(self, method: str, path: str, query: str, body: bytes, plan: Plan) -> tuple[int, bytes, str]:
        """Everything that is not a stream: segments, and the member's roles."""
        if plan.kind in answers.ERRORS and plan.kind not in {
            "failed_applied",
            "gateway_applied",
            "refused",
            "too_large",
        }:
            return (*answers.error(plan.kind), "")
        if method == "POST":
            dmp = self._create(json.loads(body))
            return (*answers.error("failed"), "") if plan.kind == "failed_applied" else (201, b"", str(dmp.id))
        number = path.rpartition("/")[2]
        if number == "adAccountUsers":
            return 200, answers.roles({dmp.account for dmp in self.segments.values()}), ""
        if number.isdigit():
            one = self.segments.get(int(number))
            return (200, json.dumps(answers.described(one)).encode(), "") if one else (*answers.error("not_found"), "")
        asked = parse_qs(query)
        found = [
            answers.described(dmp)
            for dmp in self.segments.values()
            if dmp.account == asked["account"][0] and dmp.key in asked.get("sourceSegmentId", [dmp.key])
        ]
        paging = {"start": 0, "count": 100, "total": len(found), "links": []}
        return 200, json.dumps({"elements": found, "paging": paging}).encode(), ""

    def _create(self, asked: dict[str, Any]) -> Dmp:
        self._numbers += 1
        dmp = Dmp(
            id=self._numbers,
            key=asked["sourceSegmentId"],
            account=asked["account"],
            kind=asked["type"],
            platform=asked["sourcePlatform"],
            name=asked["name"],
            created=self.loop.time(),
            visible=self.loop.time() + (self.dice.uniform(0, 30) if self.dice.random() < 0.2 else 0.0),
        )
        self.segments[dmp.id] = dmp
        self.created.append(dmp)
        return dmp


class ScriptedTransport:
    """In the place of `syncd.linkedin.transport.Transport`."""

    world: World

    def __init__(self, endpoint: Endpoint, *, observe: Callable[[str, int, float], None] | None = None) -> None:
        self.endpoint = endpoint

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str,
        query: str = "",
        body: bytes = b"",
        restli_method: str = "",
        content_type: str = "application/json",
    ) -> Answer | Unclear:
        """One request; what an `Unclear` says is what the real transport would."""
        world = self.world
        sent = None
        if restli_method == "BATCH_CREATE":
            sent = self._noted(path, token, body)
        plan = world.weather.plan(stream=sent is not None)
        if sent is not None:
            sent.kind = plan.kind

        def arrive() -> tuple[int, bytes, str]:
            if sent is None:
                if world.authorizes(token) is None:
                    return (*answers.error("unauthorized"), "")
                return world.segment_call(method, path, query, body, plan)
            sent.arrived = world.loop.time()
            status, text = world.stream(sent, plan, token)
            sent.status = status
            sent.told = plan.kind if status == 429 else ""
            return status, text, ""

        answer = await self._travel(plan, arrive)
        if sent is not None:
            sent.ended = world.loop.time()
            sent.answered = isinstance(answer, Answer)
            sent.lingers = isinstance(answer, Unclear) and answer.lingering
        return answer

    async def form(self, url: str, fields: Mapping[str, str]) -> Answer | Unclear:
        world = self.world
        plan = world.weather.plan(stream=False)

        def arrive() -> tuple[int, bytes, str]:
            member = world.tokens.get(fields["refresh_token"])
            if plan.kind in {"failed", "gateway", "minute"} or member is None:
                return (*answers.error("failed"), "")
            fresh = f"access-{member}-{len(world.tokens)}"
            world.tokens[fresh] = member
            world.fresh[fresh] = world.loop.time() + (world.dice.uniform(0, 8) if world.dice.random() < 0.3 else 0.0)
            return 200, json.dumps({"access_token": fresh, "expires_in": 5_184_000}).encode(), ""

        return await self._travel(plan, arrive)

    async def _travel(self, plan: Plan, arrive: Callable[[], tuple[int, bytes, str]]) -> Answer | Unclear:
        """There and back. A request that is cut or given up goes on at LinkedIn's side."""
        world = self.world
        if plan.kind == "no_connection":
            await asyncio.sleep(plan.there)
            return Unclear("ClientConnectorError", lingering=False)
        future: asyncio.Future[tuple[int, bytes, str]] = world.loop.create_future()

        def answer(found: tuple[int, bytes, str]) -> None:
            if not future.done():
                future.set_result(found)

        def arrived() -> None:
            found = arrive()
            if plan.back is not None:
                world.later(plan.back, lambda: answer(found))

        if plan.arrives:
            world.later(plan.there, arrived)
        try:
            async with asyncio.timeout(self.endpoint.request_timeout):
                status, body, created = await future
        except TimeoutError:
            return Unclear("TimeoutError", lingering=True)
        headers = {"x-li-uuid": "uuid", **({"x-restli-id": created} if created else {})}
        if 200 <= status < 300 and body and not body.startswith((b"{", b"[")):
            return Unclear("not JSON", lingering=True)
        return complete(status, headers, body)

    def _noted(self, path: str, token: str, body: bytes) -> Sent:
        world, process = self.world, PROCESS.get()
        _, _, number, resource = path.split("/")
        elements, problem = answers.read(body, resource)
        dmp = world.segments.get(int(number))
        sent = Sent(
            number=len(world.sent),
            replica=process.name if process else "",
            member=world.tokens.get(token, "?"),
            resource=resource,
            dmp_id=int(number),
            segment=dmp.key.partition(":")[2] if dmp else "?",
            elements=elements,
            sent=world.loop.time(),
            kind="",
            wire_problem=problem,
        )
        world.sent.append(sent)
        return sent
