"""Alerts on what ends by the calendar: tokens and the API version. Each day is spoken for by one alert only."""

from __future__ import annotations

from typing import Final

from observability.rules import DAY, Alert, Severity, by, on

_EXPIRY: Final = "syncd_token_expiry_timestamp_seconds"
_LEFT: Final = (
    f'(min {by("member", "kind")} ({_EXPIRY}{{kind="refresh"}})'
    f' or min {by("member", "kind")} ({_EXPIRY}{{kind="access"}})'
    f' unless {on("member")} {_EXPIRY}{{kind="refresh"}}) - time()'
)
"""Seconds of a member's refresh token, or of its access token where syncd has nothing to renew it with."""
_SUNSET: Final = f"min {by()} (syncd_api_version_sunset_timestamp_seconds) - time()"


def _token(days: int, above: int | None, severity: Severity) -> Alert:
    within = f"{_LEFT} < {days} * {DAY}"
    return Alert(
        name=f"SyncdTokenEndsIn{days}Day{'s' if days > 1 else ''}",
        expr=within if above is None else f"({within}) >= {above} * {DAY}",
        hold="5m",
        severity=severity,
        summary="The {{ $labels.kind }} token of {{ $labels.member }} ends in {{ $value | humanizeDuration }}",
        todo="Let the member sign in again: `syncd check` says how. The end of a refresh token never moves by use.",
    )


def _version(days: int, above: int | None, severity: Severity) -> Alert:
    within = f"{_SUNSET} < {days} * {DAY}"
    return Alert(
        name=f"SyncdVersionEndsIn{days}Days",
        expr=within if above is None else f"({within}) >= {above} * {DAY}",
        hold="5m",
        severity=severity,
        summary="LinkedIn ends linkedin.api_version in {{ $value | humanizeDuration }}",
        todo="`syncd check --try-version YYYYMM` compares a newer one; then set linkedin.api_version.",
    )


ENDS: Final = (
    _token(30, 7, Severity.INFO),
    _token(7, 1, Severity.WARNING),
    _token(1, None, Severity.CRITICAL),
    _version(60, 14, Severity.WARNING),
    _version(14, None, Severity.CRITICAL),
)
