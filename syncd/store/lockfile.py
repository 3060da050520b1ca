"""One daemon per SQLite file: a lock on a file beside it, which the kernel lets go of when the process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import make_url

from syncd.errors import BadConfiguration


@contextmanager
def held(url: str) -> Iterator[None]:
    """Holds the lock of an SQLite database; does nothing for PostgreSQL, where leases do."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        yield
        return
    descriptor = os.open(f"{parsed.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadConfiguration(
                f"another syncd works on {parsed.database}: an SQLite database has one daemon; "
                "stop that one, or use PostgreSQL"
            ) from None
        yield
    finally:
        os.close(descriptor)
