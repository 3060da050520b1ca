"""What makes a value acceptable. A check returns the value, cleaned, or raises ValueError saying what it must be.

No message holds the value itself: whoever reports it decides whether it may be seen.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cronsim import CronSim, CronSimError
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_POSTGRESQL: Final = "postgresql+asyncpg"
_SQLITE: Final = "sqlite+aiosqlite"
_PLAIN_POSTGRESQL: Final = frozenset({"postgresql", "postgres"})
_ASYNCHRONOUS: Final = {
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "sqlite": _SQLITE,
    "mysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
}
_STANDARD_PORT: Final = {"http": 80, "https": 443}
_HOST_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def items(value: object) -> object:
    """A list written as text, separated by commas or white space, becomes a tuple; anything else stays as it is."""
    return tuple(re.findall(r"[^,\s]+", value)) if isinstance(value, str) else value


def lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def nothing_if_empty(value: object) -> object:
    """An optional setting that is set to nothing is not set."""
    return None if value == "" else value


def twice(keys: Iterable[str]) -> list[str]:
    """The keys that occur more than once."""
    return [key for key, count in Counter(keys).items() if count > 1]


def fernet_key(secret: SecretStr) -> SecretStr:
    try:
        Fernet(secret.get_secret_value())
    except ValueError:
        raise ValueError(
            "must be a Fernet key, 32 random bytes in URL-safe base64: openssl rand -base64 32 | tr '+/' '-_'",
        ) from None
    return secret


def readable_file(path: Path) -> Path:
    """The file exists and can be opened; its content is not looked at, for it may change while syncd runs."""
    try:
        if path.exists() and not path.is_file():  # a pipe would block
            reason = "not a file"
        else:
            with path.open("rb"):
                return path
    except OSError as problem:
        reason = (problem.strerror or "bad path").lower()
    except ValueError:
        reason = "bad path"
    raise ValueError(f"must be a readable file ({reason})")


def database_url(secret: SecretStr) -> SecretStr:
    """A URL SQLAlchemy's async drivers take. libpq's forms, `postgres://` and `sslmode`, are translated."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):
        raise ValueError(f"must be a URL like {_POSTGRESQL}://user@host/database or {_SQLITE}:///file.db") from None
    if url.drivername == _SQLITE:
        return _sqlite(url, secret)
    if url.drivername not in _PLAIN_POSTGRESQL | {_POSTGRESQL}:
        raise ValueError(f"must start with {_POSTGRESQL}:// or {_SQLITE}://")
    if not url.database:
        raise ValueError(f"must name a database: {_POSTGRESQL}://user@host/database")
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return SecretStr(url.set(drivername=_POSTGRESQL, query=query).render_as_string(hide_password=False))


def _sqlite(url: URL, secret: SecretStr) -> SecretStr:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError(f"must name a file: {_SQLITE}:///file.db (syncd's promises need a database that lasts)")
    file = Path(url.database)
    existing = file if os.path.exists(file) else file.parent  # noqa: PTH110  # Path.exists may raise
    if not os.access(existing, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ValueError("must name a file that syncd may write, in a folder that exists")
    return secret


def source_url(secret: SecretStr) -> SecretStr:
    """A database that is only read: whatever SQLAlchemy reaches asynchronously by a driver that is installed."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):
        raise ValueError(f"must be a URL like {_POSTGRESQL}://user@host/database") from None
    driver = _ASYNCHRONOUS.get(url.drivername, url.drivername)
    try:
        asynchronous = url.set(drivername=driver).get_dialect().is_async
    except (ArgumentError, ImportError):
        asynchronous = False
    if not asynchronous:
        known = ", ".join(f"{name}://" for name in sorted(set(_ASYNCHRONOUS.values())))
        raise ValueError(f"must start with one of {known} or another asynchronous driver that is installed")
    return SecretStr(url.set(drivername=driver).render_as_string(hide_password=False))


def cron(text: str) -> str:
    """A cron expression of five fields."""
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as problem:
        raise ValueError(f"must be a cron expression like '30 3 * * *': {problem}") from None
    return text


def split_url(text: str) -> SplitResult:
    """The parts of a plain http or https URL that has a host and carries no login; the host is in lower case."""
    if not re.fullmatch(r"[!-\[\]-~]+", text):  # printable ASCII without the backslash, which parsers disagree about
        raise ValueError("must be a URL without blanks, backslashes or characters outside ASCII")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _STANDARD_PORT and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL like https://host/path")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password")
    return parts


def plain_url(text: str) -> str:
    parts = split_url(text)
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("must end with its path, without ? or #")
    return text.rstrip("/")


def proxy_url(secret: SecretStr) -> SecretStr:
    """A proxy's URL may hold a login, which is why it is a secret."""
    scheme, _, rest = secret.get_secret_value().partition("://")
    split_url(f"{scheme}://{rest.rpartition('@')[2]}")
    return secret


def password(secret: SecretStr) -> SecretStr:
    """The rule of `operations.passwords`, told at start."""
    if not 12 <= len(secret.get_secret_value()) <= 200 or not secret.get_secret_value().isprintable():
        raise ValueError("must have 12 to 200 printable characters")
    return secret


def host_name(text: str) -> str:
    """One of the hosts syncd may send tokens to: a name, neither an address nor this machine."""
    name = text.lower()
    if not is_name(name):
        raise ValueError("must be host names, without scheme, port or address (a loopback base_url needs no entry)")
    return name


def endpoint(parts: SplitResult) -> tuple[str, int]:
    """Host and port a URL leads to."""
    return parts.hostname or "", parts.port or _STANDARD_PORT[parts.scheme]


def is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def is_public_https(parts: SplitResult, allowed_hosts: Iterable[str]) -> bool:
    """Whether a URL leads by https and its standard port to one of the allowed hosts."""
    return (
        parts.scheme == "https"
        and endpoint(parts)[1] == _STANDARD_PORT["https"]
        and endpoint(parts)[0] in allowed_hosts
    )


def is_name(host: str) -> bool:
    """Whether it is a host's name, neither an address nor this machine."""
    return bool(_HOST_NAME.fullmatch(host)) and not _is_address(host) and not is_loopback(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
