"""The objective: 99 % of changes are at LinkedIn within five minutes of being written, measured over 30 days.

Alerts watch how fast the one per cent of lateness that is allowed is spent, each over a long window, so that a blip does
not page, and a short one, so that it ends when the lateness ends.
"""

from __future__ import annotations

from typing import Final

from observability.rules import Alert, Group, Recording, Severity, by

SHARE: Final = 0.99
WITHIN: Final = "300.0"
"""Seconds, as the bucket's label says them."""
WINDOWS: Final = ("5m", "30m", "1h", "6h")


def late(window: str) -> str:
    """The name of the share of late changes over a window."""
    return f"syncd:delivery_late:ratio_{window}"


def _recording(window: str) -> Recording:
    intime = f'sum {by()} (rate(syncd_delivery_lag_seconds_bucket{{le="{WITHIN}"}}[{window}]))'
    every = f"sum {by()} (rate(syncd_delivery_lag_seconds_count[{window}]))"
    return Recording(name=late(window), expr=f"1 - {intime} / ({every} > 0)")


def _burns(times: float, long: str, short: str) -> str:
    most = f"{times * (1 - SHARE):.4g}"
    return f"{late(long)} > {most} and {late(short)} > {most}"


RECORDINGS: Final = Group(name="syncd-objective", rules=[_recording(window) for window in WINDOWS])
ALERTS: Final = (
    Alert(
        name="SyncdDeliveryLateFast",
        expr=_burns(14.4, "1h", "5m"),
        hold="2m",
        severity=Severity.CRITICAL,
        summary="{{ $value | humanizePercentage }} of changes of {{ $labels.job }} took longer than 5 minutes in the last hour",
        todo="Open the overview: what is parked, which member is at its limit, which segment's oldest row is old?",
    ),
    Alert(
        name="SyncdDeliveryLateSlow",
        expr=_burns(6, "6h", "30m"),
        hold="15m",
        severity=Severity.WARNING,
        summary="{{ $value | humanizePercentage }} of changes of {{ $labels.job }} took longer than 5 minutes in 6 hours",
        todo="Open the overview: requests against the limit say whether a member has too many segments.",
    ),
)
