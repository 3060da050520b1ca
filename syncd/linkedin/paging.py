"""Finders answer in pages (`linkedin-api.md` §1). Of a `next` link only its `start` is taken, and only when the link
stays on the same origin and path: text of a server never becomes a URL that a token follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeVar

import msgspec
from yarl import URL

from syncd.domain.outcome import Answer, Failure, Unclear, meaning_of_call
from syncd.linkedin.answers import malformed
from syncd.linkedin.transport import Transport
from syncd.linkedin.words import LENIENT

COUNT: Final = 100
_MOST_PAGES: Final = 1000

Shape = TypeVar("Shape")


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _Paging(msgspec.Struct, frozen=True):
    count: int | None = None
    total: int | None = None
    links: list[_Link] | None = None


class _Elements(msgspec.Struct):
    elements: list[msgspec.Raw]
    paging: _Paging | None = None


class _Nonsense(Exception):
    """The paging of an answer cannot be followed."""


async def pages(
    transport: Transport, *, token: str, path: str, query: str, shape: type[Shape]
) -> AsyncIterator[list[Shape] | Failure]:
    """Every page of a finder; ends after the last, or after the first failure. One request per step, so that a caller
    can pace them.
    """
    start = 0
    for _ in range(_MOST_PAGES):
        asked = "&".join(part for part in (query, f"start={start}", f"count={COUNT}") if part)
        answer = await transport.call("GET", path, token=token, query=asked)
        if not isinstance(answer, Answer):
            yield answer
            return
        if not 200 <= answer.status < 300:
            yield meaning_of_call(answer)
            return
        try:
            page = msgspec.json.decode(answer.body, type=_Elements)
            found = [msgspec.json.decode(one, type=shape) for one in page.elements]
            following = _following(page, start, transport.endpoint.base_url, path)
        except (*LENIENT, _Nonsense):
            yield malformed(answer)
            return
        yield found
        if following is None:
            return
        start = following
    yield Unclear(f"more than {_MOST_PAGES} pages", lingering=False)


def _following(page: _Elements, start: int, base_url: str, path: str) -> int | None:
    """Where the next page starts: where `next` says, else after this one, unless this one is short."""
    paging = page.paging or _Paging()
    href = next((link.href for link in paging.links or () if link.rel == "next"), None)
    if href is not None:
        return _linked(href, start, base_url, path)
    count = paging.count if paging.count and 0 < paging.count <= COUNT else COUNT
    total = paging.total
    if total is not None:
        return start + count if start + count < total and page.elements else None
    return start + count if len(page.elements) >= count else None


def _linked(href: str, start: int, base_url: str, path: str) -> int:
    base = URL(base_url)
    target = base.origin().join(URL(href))
    following = target.query.get("start", "")
    if target.origin() != base.origin() or target.path != URL(f"{base_url.rstrip('/')}{path}").path:
        raise _Nonsense
    if not (following.isascii() and following.isdigit()) or len(following) > 9 or int(following) <= start:
        raise _Nonsense
    return int(following)
