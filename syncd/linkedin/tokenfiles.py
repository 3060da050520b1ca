"""The token files of a member, re-read when they change: an operator (or a secret mount) replaces them at any time."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from syncd.domain.token import Tokens
from syncd.linkedin.guard import is_token

_MOST: Final = 64 * 1024
_READS: Final = 3

_Stamp = tuple[tuple[int, int, int] | None, ...]


class TokenFiles:
    """Knows what the files held when they were last read. `content` is None while they hold no token."""

    def __init__(self, access: Path | None, refresh: Path | None) -> None:
        self._access = access
        self._refresh = refresh
        self._stamp: _Stamp | None = None
        self.content: Tokens | None = None

    def changed(self) -> bool:
        """Whether inode, size or time of a file differ from those last read; cheap enough for every request."""
        return self._stamp != self._now()

    def read(self) -> Tokens | None:
        """The tokens the files hold now. A file that cannot be read for a moment leaves the last content in place."""
        for _ in range(_READS):
            stamp = self._now()
            access, refresh = _text(self._access), _text(self._refresh)
            if stamp == self._now():
                break
        self._stamp = stamp
        if access is not None or refresh is not None:
            digest = hashlib.sha256(f"{access or ''}\n{refresh or ''}".encode()).hexdigest()
            self.content = Tokens(access=access or "", refresh=refresh, source=digest)
        return self.content

    def _now(self) -> _Stamp:
        return tuple(_stat(path) for path in (self._access, self._refresh))


def read_secret(path: Path | None) -> str | None:
    """The one line of a secret file; None when it cannot be read or holds no secret."""
    return _text(path)


def _stat(path: Path | None) -> tuple[int, int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino, found.st_size)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            text = file.read(_MOST).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return text if is_token(text) else None
