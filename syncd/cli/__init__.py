"""The command line: it parses, calls one operation, and prints what comes back. Nothing is decided here."""

from __future__ import annotations

from syncd.cli.commands import syncd
from syncd.observe import logs

__all__ = ["main"]


def main() -> None:
    """The script `syncd`. What nobody expected is told as a log record, for a traceback may quote a person's data."""
    logs.configure("auto", "warning")
    syncd(prog_name="syncd")
