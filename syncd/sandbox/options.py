"""What a sandbox can be told: every rule of LinkedIn's that has a number or a choice in it, in one frozen value.

The control API replaces the value as a whole while the sandbox runs, so nothing may keep a copy of a field.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

ExpiredStream = Literal["accept", "refuse"]

DAY = 86_400

SCOPES = "r_ads rw_ads rw_dmp_segments"

# Versions live about twelve months (linkedin-api.md §1): 202511 ended in November 2026, 202612 is the newest.
ACTIVE_VERSIONS = (
    *("202512", "202601", "202602", "202603", "202604", "202605", "202606"),
    *("202607", "202608", "202609", "202610", "202611", "202612"),
)


class MemberOption(NamedTuple):
    """A LinkedIn user who exists from the start; the role counts on every account."""

    key: str
    token: str
    role: str = "CAMPAIGN_MANAGER"

    @property
    def refresh_token(self) -> str:
        return "sandbox-refresh" if self.key == "demo" else f"refresh-{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Seconds are real seconds, except the token lifetimes, which run on the sandbox clock."""

    seed: int = 1
    clock_factor: float = 1.0
    users_per_minute: int = 500
    companies_per_minute: int = 200
    member_daily: int | None = None
    application_daily: int | None = None
    latency: float = 0.0
    visible_after: float = 0.0
    land_after: float = 0.0
    expired_stream: ExpiredStream = "accept"
    active_versions: tuple[str, ...] = ACTIVE_VERSIONS
    paging_total: bool = True
    batch_index: bool = False
    segments_per_account: int = 1_000
    max_body_bytes: int = 8 * 1024 * 1024
    record: str | None = None
    access_token_ttl: int = 60 * DAY
    refresh_token_ttl: int = 365 * DAY
    spread: float = 0.0
    rotate_refresh: bool = False
    application: str = "demo-app"
    client_secret: str = "demo-secret"  # noqa: S105 - it protects nothing
    members: tuple[MemberOption, ...] = (MemberOption("demo", "sandbox-token"),)
    accounts: tuple[str, ...] = ("urn:li:sponsoredAccount:123456",)
    test_accounts: tuple[str, ...] = ()


def parse_member(text: str) -> MemberOption:
    """Read `KEY:TOKEN[:ROLE]`; ValueError when it is not that."""
    parts = text.split(":")
    if len(parts) not in {2, 3} or not all(parts):
        raise ValueError(f"not KEY:TOKEN[:ROLE]: {text!r}")
    return MemberOption(*parts)


def parse_clock(text: str) -> float:
    """Read `3600x` or `3600`: how many seconds the sandbox clock runs in one real second."""
    factor = float(text.removesuffix("x"))
    if factor <= 0:
        raise ValueError(f"a clock runs forward: {text!r}")
    return factor
