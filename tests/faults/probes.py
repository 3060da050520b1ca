"""What Kubernetes would hear: liveness and readiness of a replica, asked again and again while something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=2.0)
_PAUSE = 0.05


@dataclass(frozen=True)
class Heard:
    """Status codes, and why it is not ready."""

    alive: int
    ready: int
    reasons: tuple[str, ...]


@dataclass
class Probes:
    http: aiohttp.ClientSession
    url: str
    heard: list[Heard] = field(default_factory=list)

    async def ask(self) -> None:
        """Until it is cancelled; who does not answer is heard as 0."""
        while True:
            alive, _ = await self._asked("healthz")
            ready, told = await self._asked("readyz")
            reasons = tuple(told.get("reasons", ())) if isinstance(told, dict) else ()
            self.heard.append(Heard(alive, ready, reasons))
            await asyncio.sleep(_PAUSE)

    async def _asked(self, path: str) -> tuple[int, Any]:
        try:
            async with self.http.get(f"{self.url}/{path}", timeout=_PATIENCE) as answer:
                return answer.status, await answer.json() if answer.content_type == "application/json" else None
        except (TimeoutError, aiohttp.ClientError):
            return 0, None

    def now(self, ready: int) -> Callable[[], bool]:
        """Whether the last answer was so: for `Stage.until`."""
        return lambda: bool(self.heard) and self.heard[-1].ready == ready

    def judge(self) -> None:
        """It was alive all the time, it was not ready for a while and said why, and it is ready in the end."""
        assert self.heard, "nobody asked"
        dead = [one for one in self.heard if one.alive != 200]
        assert not dead, f"not alive {len(dead)} of {len(self.heard)} times: {dead[0]}"
        unready = [one for one in self.heard if one.ready != 200]
        assert unready, "it was ready all the time"
        assert all(one.ready == 503 and one.reasons for one in unready), f"unready without a reason: {unready}"
        assert self.heard[-1].ready == 200, f"it is not ready in the end: {self.heard[-1]}"
