"""Where the API is, if the environment names one: `SYNCD_URL` with `SYNCD_TOKEN`, or `SYNCD_TOKEN_FILE`.

A token is worth what its role may do, so it goes to a server by https only, or to this machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from syncd.errors import BadConfiguration
from syncd.settings.checks import is_loopback, plain_url
from syncd.settings.reading import TOKEN, TOKEN_FILE, URL

_TOKEN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The server's URL without a slash at its end, and what proves who asks."""

    url: str
    token: str = field(repr=False)


def address(env: Mapping[str, str] = os.environ) -> Address | None:
    """Raises BadConfiguration for a URL without a token, or one that a token may not go to."""
    if not (given := env.get(URL)):
        return None
    try:
        url = plain_url(given)
    except ValueError as problem:
        raise BadConfiguration(f"{URL}: {problem}") from None
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise BadConfiguration(f"{URL}: must begin with https://, for a token goes there (http is for this machine)")
    return Address(url=url, token=_token(env))


def _token(env: Mapping[str, str]) -> str:
    token, file = env.get(TOKEN), env.get(TOKEN_FILE)
    if token and file:
        raise BadConfiguration(f"{TOKEN}: is set beside its file form; keep one of the two")
    if file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as problem:
            reason = (problem.strerror if isinstance(problem, OSError) else None) or "not text in UTF-8"
            raise BadConfiguration(f"{TOKEN_FILE}: must be a readable file ({reason.lower()})") from None
    if not token:
        raise BadConfiguration(f"{TOKEN}: is missing; {URL} needs one, which `syncd tokens add` or the console makes")
    if not _TOKEN.fullmatch(token):
        raise BadConfiguration(f"{TOKEN}: is no token, which is one line without blanks")
    return token
