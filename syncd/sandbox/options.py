"""What a sandbox can be told: every rule of LinkedIn's that has a number or a choice in it, in one frozen value.

The control API replaces the value as a whole while the sandbox runs, so nothing may keep a copy of a field. The command
line is made from it: a field's name, type, choices and help are the option's.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .versions import lifetime

DAY = 86_400
MOST_PORT = 65_535

SCOPES = "r_ads rw_ads rw_dmp_segments"


class MemberOption(NamedTuple):
    """A LinkedIn user who exists from the start; the role counts on every account."""

    key: str
    token: str
    role: str = "CAMPAIGN_MANAGER"

    @property
    def refresh_token(self) -> str:
        return "sandbox-refresh" if self.key == "demo" else f"refresh-{self.key}"


def _told(default: Any, meaning: str, flag: str = "", metavar: str = "") -> Any:
    """A field with what it means; `flag` where the option is not called as the field is."""
    return field(default=default, metadata={"help": meaning, "flag": flag, "metavar": metavar})


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Seconds are real seconds, except the token lifetimes, which run on the sandbox clock."""

    seed: int = _told(1, "what is random is drawn from this")
    clock_factor: float = _told(1.0, "how many seconds the sandbox clock runs in a real one", "clock", "3600x")
    users_per_minute: int = _told(500, "requests to /users, per application and member")
    companies_per_minute: int = _told(200, "requests to /companies, per application and member; newer pages say 300")
    member_daily: int | None = _told(None, "requests per day, member and streaming resource")
    application_daily: int | None = _told(None, "requests per day, application and streaming resource")
    latency: float = _told(0.0, "seconds before every answer")
    visible_after: float = _told(0.0, "seconds until a new segment is found (404 before)")
    land_after: float = _told(0.0, "seconds until what is sent to a new segment lands (accepted and lost before)")
    expired_stream: Literal["accept", "refuse"] = _told(
        "accept", "whether an EXPIRED segment takes a stream: 002 says both"
    )
    active_versions: tuple[str, ...] = _told(
        (), "a version that is taken, whatever the day (default: by the sandbox clock)", "active-version", "YYYYMM"
    )
    paging_total: bool = _told(True, "whether pages tell the total")
    batch_index: bool = _told(False, "whether results of a batch carry batchIndex")
    facet_urn_field: Literal["urn", "$URN"] = _told("urn", "what the URN of a facet is called")
    upload_location: Literal["urn", "path"] = _told("urn", "how Location names an uploaded file")
    match_rate: float = _told(0.7, "share of people and companies that LinkedIn finds, for segments made from now on")
    opt_out_rate: float = _told(0.05, "share of the found who opted out of third-party data, likewise")
    id_header: Literal["documented", "x-restli-id", "x-linkedin-id", "both"] = _told(
        "documented", "which header of a create has the id"
    )
    template_id: Literal["number", "string"] = _told("number", "how the id of a template is written: 003 says both")
    audience_insights: bool = _told(True, "whether the application is provisioned with the Audience Insights API")
    media_planning: bool = _told(True, "whether the application is provisioned with the Media Planning API")
    bad_criteria_status: Literal[422, 400] = _told(
        422, "how bad criteria are refused: 000 and 004 say 422, 001 says 400"
    )
    single_point_metric: Literal["object", "list"] = _told("object", "how singlePointMetric is written: 004 says both")
    metric_bounds: bool = _told(True, "whether points of a forecast have metricLower and metricUpper")
    metadata_required: bool = _told(True, "whether insights need requestMetaData: 000 says yes, 001 no")
    segments_per_account: int = _told(1_000, "segments an ad account holds")
    max_body_bytes: int = _told(8 * 1024 * 1024, "bytes of a request body (413 above)")
    record: str | None = _told(None, "file that takes every streaming request with its elements", "", "FILE")
    access_token_ttl: int = _told(60 * DAY, "seconds an access token lives")
    refresh_token_ttl: int = _told(365 * DAY, "seconds a refresh token lives")
    spread: float = _told(0.0, "seconds a fresh token is refused while it spreads")
    rotate_refresh: bool = _told(False, "whether a refresh also renews the refresh token")
    application: str = _told("demo-app", "client id of the application")
    client_secret: str = _told("demo-secret", "its secret; it protects nothing")
    members: tuple[MemberOption, ...] = _told(
        (MemberOption("demo", "sandbox-token"),), "a member with an access token", "member", "KEY:TOKEN[:ROLE]"
    )
    accounts: tuple[str, ...] = _told(("urn:li:sponsoredAccount:123456",), "an ad account", "account", "URN")
    test_accounts: tuple[str, ...] = _told((), "an ad account that takes no segments", "test-account", "URN")


def parse_member(text: str) -> MemberOption:
    """Read `KEY:TOKEN[:ROLE]`; ValueError when it is not that."""
    parts = text.split(":")
    if len(parts) not in {2, 3} or not all(parts):
        raise ValueError(f"not KEY:TOKEN[:ROLE]: {text!r}")
    return MemberOption(*parts)


def parse_version(text: str) -> str:
    """Read `YYYYMM`; ValueError when it is not that."""
    if lifetime(text) is None:
        raise ValueError(f"not YYYYMM: {text!r}")
    return text


def parse_account(text: str) -> str:
    """Read the URN of an ad account; ValueError when it is not that."""
    if not re.fullmatch(r"urn:li:sponsoredAccount:[0-9]+", text):
        raise ValueError(f"not urn:li:sponsoredAccount:123456: {text!r}")
    return text


def parse_port(text: str) -> int:
    """Read a number from 0 to 65535."""
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_PORT):
        raise ValueError(f"not a port, 0 to {MOST_PORT}: {text!r}")
    return int(text)


def parse_share(text: str) -> float:
    """Read a number from 0 to 1."""
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(f"not from 0 to 1: {text!r}")
    return share


def parse_clock(text: str) -> float:
    """Read `3600x` or `3600`: how many seconds the sandbox clock runs in one real second."""
    factor = float(text.removesuffix("x"))
    if factor <= 0:
        raise ValueError(f"a clock runs forward: {text!r}")
    return factor
