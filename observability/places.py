"""Addresses that stand in the written files and are somebody else's to fill in.

Whoever installs syncd replaces them: the chart from its values, anybody else by hand. They are under `.example`, which
no name server knows, so that a forgotten one leads nowhere instead of to a stranger.
"""

from __future__ import annotations

from typing import Final

CONSOLE: Final = "https://console.syncd.example"
"""The console, without a slash at the end."""
RUNBOOK: Final = "https://docs.syncd.example/runbook.md"
"""`docs/runbook.md`, wherever it is shown."""


def runbook(alert: str) -> str:
    """The entry of an alert: its heading is the alert's name."""
    return f"{RUNBOOK}#{alert.lower()}"
