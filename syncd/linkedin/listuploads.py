"""List uploads: a place for a file, the file, and the segment it fills (`linkedin-api.md` §5).

The place is a URL that a server names, and the token goes there with everybody's hashes: it is followed only where any
request may go, once, without redirects, and it never becomes anything but the media URN in its answer.
"""

from __future__ import annotations

from typing import Final

import msgspec

from syncd.domain.outcome import Answer, Failure, Unclear
from syncd.linkedin.answers import decoded, failed, malformed
from syncd.linkedin.transport import Transport

PLATFORM: Final = "LIST_UPLOAD"
"""The source platform of list segments; streaming ones have the application's own."""
_MEDIA: Final = "urn:li:media:"
_STORE: Final = "/ambry/"


class _Place(msgspec.Struct):
    value: str


async def place(transport: Transport, *, token: str, account: str) -> str | Failure:
    """The URL a file of this account may be put at. Nothing about it is trusted yet."""
    body = msgspec.json.encode({"owner": account})
    answer = await transport.call("POST", "/dmpSegments", token=token, query="action=generateUploadUrl", body=body)
    found = decoded(answer, _Place)
    return found.value if isinstance(found, _Place) else found


async def put(transport: Transport, *, token: str, url: str, file: bytes) -> str | Failure:
    """Puts the file there; its media URN."""
    answer = await transport.put(url, token=token, content_type="text/csv", body=file)
    failure = failed(answer)
    if failure is not None:
        return failure
    assert isinstance(answer, Answer)
    return _media(answer)


async def attach(transport: Transport, *, token: str, dmp_id: int, media: str) -> Failure | None:
    """Fills a list segment with a file; a list it had before is replaced."""
    body = msgspec.json.encode({"inputFile": media})
    return failed(await transport.call("POST", f"/dmpSegments/{dmp_id}/listUploads", token=token, body=body))


def _media(answer: Answer) -> str | Unclear:
    """The URN itself, or the path whose name, without that of the store of files, belongs behind `urn:li:media:`."""
    location = answer.location
    if not location:
        return malformed(answer)
    return location if location.startswith(_MEDIA) else _MEDIA + location.removeprefix(_STORE)
