"""What an operator may set, read once at start and frozen from then on.

The environment (`SYNCD_*`, nested with `__`) stands over one YAML file. Whatever is unknown, wrong or missing ends the
start with one line that names every problem, and no secret's value.
"""

from __future__ import annotations

from syncd.settings.care import Alerts, Erasure, Retention
from syncd.settings.catalogue import Described, describe
from syncd.settings.models import Linkedin, Member, Segment, Settings, Source
from syncd.settings.reading import DEFAULT_FILE, load

__all__ = [
    "DEFAULT_FILE",
    "Alerts",
    "Described",
    "Erasure",
    "Linkedin",
    "Member",
    "Retention",
    "Segment",
    "Settings",
    "Source",
    "describe",
    "load",
]
