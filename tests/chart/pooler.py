"""PgBouncer between syncd and PostgreSQL, as a process of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import make_url

from tests.chart.tools import missing

IGNORED: Final = "statement_timeout,idle_in_transaction_session_timeout,lock_timeout,tcp_user_timeout,jit"
"""What syncd asks for at connect and PgBouncer does not know; the roles of the database must have it instead."""
PREPARES: Final = (1, 21)
"""The first version that keeps prepared statements across transactions."""
_NOBODY: Final = 65534


def program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        missing("there is no pgbouncer: apt-get install -y --no-install-recommends pgbouncer")
    return found


def version() -> tuple[int, ...]:
    told = subprocess.run([program(), "--version"], check=True, capture_output=True, text=True, cwd="/").stdout
    return tuple(map(int, re.findall(r"\d+", told.splitlines()[0])))


@contextmanager
def pooled(url: str, mode: str, *, roles: Sequence[str] = (), certificate: Path | None = None) -> Iterator[str]:
    """The URL by which a database is reached through PgBouncer in a mode of pooling, by its own role or one of `roles`; by
    TLS alone where there is a `certificate` with its key beside it.
    """
    parsed = make_url(url)
    folder = Path(tempfile.mkdtemp(prefix="syncd-pool-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users").write_text("".join(f'"{role}" ""\n' for role in (parsed.username, *roles)))
    guarded = ""
    if certificate is not None:
        for file in (certificate, certificate.with_suffix(".key")):
            shutil.copy(file, folder)
            guarded += f"client_tls_{file.suffix.strip('.')}_file = {folder / file.name}\n"
        guarded += "client_tls_sslmode = require"
    (folder / "pgbouncer.ini").write_text(
        f"""[databases]
* = host={parsed.host} port={parsed.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
max_client_conn = 200
default_pool_size = 40
ignore_startup_parameters = {IGNORED}
{"max_prepared_statements = 200" if version() >= PREPARES else ""}
{guarded}
"""
    )
    drop: dict[str, Any] = {}
    if os.geteuid() == 0:  # PgBouncer refuses to be run by root
        for each in (folder, *folder.iterdir()):
            os.chown(each, _NOBODY, _NOBODY)
        drop = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program(), folder / "pgbouncer.ini"], stdout=log, stderr=log, cwd="/", **drop)
        try:
            yield parsed.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            shutil.rmtree(folder)
