"""Rest.li's BATCH_DELETE: many ids in one call, an answer for each (`linkedin-api.md` §§3, 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from syncd.domain.outcome import Answer, Failure, meaning_of_call
from syncd.linkedin.answers import decoded
from syncd.linkedin.transport import Transport
from syncd.linkedin.words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """Which ids are gone, and what stopped the others; an id the answer does not speak of is in neither."""

    gone: tuple[str, ...]
    kept: Mapping[str, Failure]


class _Result(msgspec.Struct):
    status: int = 0


class _Answered(msgspec.Struct):
    results: dict[str, _Result] = {}
    errors: dict[str, msgspec.Raw] = {}


async def delete(transport: Transport, *, token: str, path: str, ids: Collection[str]) -> Deletions | Failure:
    """Deletes `ids` under `path`, each asked for once: LinkedIn would delete the first of two alike and not find the
    second. So many that their query is too long go as the body of a POST.
    """
    query = f"ids=List({','.join(quote(one, safe='') for one in dict.fromkeys(ids))})"
    answer = await transport.call("DELETE", path, token=token, query=query)
    found = decoded(answer, _Answered)
    if not isinstance(found, _Answered):
        return found
    uuid = answer.uuid
    kept = {one: _refused(error, uuid) for one, error in found.errors.items()}
    for one, result in found.results.items():
        if one not in kept and not 200 <= result.status < 300:
            kept[one] = meaning_of_call(Answer(result.status, uuid=uuid))
    return Deletions(gone=tuple(one for one in found.results if one not in kept), kept=kept)


def _refused(error: msgspec.Raw, uuid: str) -> Failure:
    said = msgspec.json.decode(error)
    code, message = words_of(said)
    status = said.get("status") if isinstance(said, dict) else None
    return meaning_of_call(Answer(status if isinstance(status, int) else 0, message, code, uuid=uuid))
