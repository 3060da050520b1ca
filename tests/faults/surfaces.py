"""Where a secret could show besides logs and tables: metrics, command lines, the paths of requests (S11)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.rig import Process

_PATIENCE = aiohttp.ClientTimeout(total=0.5)


async def surfaces(
    processes: Iterable[Process], sandbox: Process, requests: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """What each shows now, by its name. A daemon that is frozen or gone shows no metrics."""
    alive = [one for one in processes if one is not sandbox and one.child.returncode is None]
    found = {"the paths of requests": "\n".join(str(one["path"]) for one in requests)}
    for one, metrics in zip(alive, await asyncio.gather(*(_metrics(one) for one in alive)), strict=True):
        found[f"metrics of {one.log.name}"] = metrics
        found[f"command lines of {one.log.name}"] = "\n".join(command_lines(one.pid))
    return found


async def _metrics(daemon: Process) -> str:
    listening = daemon.events("listening")
    if not listening:
        return ""
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as http, http.get(metrics_url(daemon)) as answer:
            return await answer.text()
    except (aiohttp.ClientError, OSError):
        return ""


def metrics_url(daemon: Process) -> str:
    """The metrics server is the first that a daemon opens."""
    return f"http://127.0.0.1:{daemon.events('listening')[0]['port']}/metrics"


def command_lines(pid: int) -> list[str]:
    """Of a process and all that descend from it, as everybody on the machine can read them."""
    try:
        own = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        children = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it ended just now
        return []
    return [own, *(line for child in " ".join(children).split() for line in command_lines(int(child)))]
