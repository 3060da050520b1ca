"""The command line: it parses, calls one operation, and prints what comes back. Nothing is decided here."""

from __future__ import annotations

from syncd.cli.commands import syncd

__all__ = ["main"]


def main() -> None:
    """The script `syncd`."""
    syncd(prog_name="syncd")
