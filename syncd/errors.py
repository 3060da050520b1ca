"""Errors, named by what the caller does next.

    SyncdError
    ├── Rejected            the input is wrong: say so in one line, exit 2, change nothing
    │   ├── Absent          what it names does not exist, or not for whoever asks
    │   ├── Clashing        it does not fit what is there or under way: look, then ask again
    │   └── Denied          whoever asks may not: somebody with another role or scope has to
    ├── BadConfiguration    the configuration is wrong: say so in one line, exit 78
    ├── Transient           try the same thing again later
    ├── LeaseLost           another replica owns the member now: drop everything held for it
    └── Fatal               a promise inside syncd is broken: end the process, Kubernetes starts it again

A message never holds an e-mail, a hash, a token or any other value of a person's.
"""

from __future__ import annotations


class SyncdError(Exception):
    """Anything syncd raises on purpose."""

    exit_code = 1


class Rejected(SyncdError):
    """The caller's input is wrong; nothing was changed."""

    exit_code = 2


class Absent(Rejected):
    """What the input names does not exist, or not for whoever asks."""


class Clashing(Rejected):
    """The input does not fit what is there or under way."""


class Denied(Rejected):
    """Whoever asks may not do this."""


class BadConfiguration(SyncdError):
    """A setting is unknown, wrong or missing; syncd refuses to start."""

    exit_code = 78


class Transient(SyncdError):
    """The database or the network failed in a way that passes; nothing is lost."""


class LeaseLost(SyncdError):
    """A write was refused because another replica owns the member."""


class Fatal(SyncdError):
    """An invariant of syncd itself does not hold."""
