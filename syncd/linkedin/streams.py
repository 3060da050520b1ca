"""Streaming users and companies into a DMP segment (`linkedin-api.md` §4; reference 002)."""

from __future__ import annotations

from typing import Literal

from syncd.domain.outcome import Outcome, Unclear, meaning
from syncd.linkedin.transport import Transport
from syncd.linkedin.wire import results

Resource = Literal["users", "companies"]


async def send(transport: Transport, *, token: str, resource: Resource, dmp_id: int, body: bytes, sent: int) -> Outcome:
    """One BATCH_CREATE of `sent` elements (at most 5,000), one request, element by element answered."""
    answer = await transport.call(
        "POST",
        f"/dmpSegments/{dmp_id}/{resource}",
        token=token,
        body=body,
        restli_method="BATCH_CREATE",
    )
    if isinstance(answer, Unclear):
        return answer
    if not 200 <= answer.status < 300:
        return meaning(answer)
    return results(answer.body, sent, answer.uuid, (token,))
