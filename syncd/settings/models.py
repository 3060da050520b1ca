"""The settings themselves: frozen, typed, each with the sentence the documentation shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.settings import checks
from syncd.settings.care import Alerts, Erasure, Retention
from syncd.settings.kinds import OptionalText, PlainUrl, Port, Text
from syncd.settings.section import Section
from syncd.settings.web import Http, Oidc

MemberKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
SegmentKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Account = Annotated[str, Field(pattern=r"^urn:li:sponsoredAccount:[0-9]+$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PerMinute = Annotated[int, Field(ge=10)]
ReadableFile = Annotated[Path, AfterValidator(checks.readable_file)]
OptionalFile = Annotated[ReadableFile | None, BeforeValidator(checks.nothing_if_empty)]
HostName = Annotated[str, AfterValidator(checks.host_name)]
Cron = Annotated[str, BeforeValidator(checks.nothing_if_empty), AfterValidator(checks.cron)]
FernetKey = Annotated[SecretStr, AfterValidator(checks.fernet_key)]


class Linkedin(Section):
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(checks.items)] = Field(
        default=("api.linkedin.com", "www.linkedin.com"),
        min_length=1,
        description="Hosts that tokens and members' data may be sent to; separated by commas. Where base_url is a "
        "loopback address, its own host and port are the only ones.",
    )
    base_url: PlainUrl = Field(
        default="https://api.linkedin.com/rest",
        description="LinkedIn's API: https and an allowed host, or http on a loopback address (the sandbox).",
    )
    oauth_url: PlainUrl = Field(
        default="https://www.linkedin.com/oauth/v2",
        description="LinkedIn's sign-in. Where base_url is a loopback address, this must be on the same host and port.",
    )
    api_version: str = Field(
        default="202608",
        pattern=r"^20[0-9]{2}(0[1-9]|1[0-2])$",
        coerce_numbers_to_str=True,
        description="Version of the API to ask for, YYYYMM. LinkedIn ends a version about a year after its month.",
    )
    source_platform: OptionalText = Field(
        default=None,
        description="The sourcePlatform that LinkedIn granted your application; needed as soon as segments are declared.",
    )
    request_timeout: Seconds = Field(default=30.0, description="Seconds until a request without an answer is given up.")
    proxy: Annotated[
        Annotated[SecretStr, AfterValidator(checks.proxy_url)] | None,
        BeforeValidator(checks.nothing_if_empty),
    ] = Field(default=None, description="Proxy for all calls to LinkedIn, http://[user:password@]host:port.")
    ca_file: OptionalFile = Field(
        default=None,
        description="File of PEM certificates to trust instead of the system's, for a proxy that opens TLS.",
    )

    @field_validator("base_url")
    @classmethod
    def _leads_to_linkedin(cls, url: str, info: ValidationInfo) -> str:
        parts = checks.split_url(url)
        allowed = info.data.get("allowed_hosts")
        if allowed is None or checks.is_loopback(parts.hostname or "") or checks.is_public_https(parts, allowed):
            return url
        raise ValueError(f"must be https on one of linkedin.allowed_hosts ({', '.join(allowed)}), or http on loopback")

    @field_validator("oauth_url")
    @classmethod
    def _leads_to_the_same_linkedin(cls, url: str, info: ValidationInfo) -> str:
        if "base_url" not in info.data or "allowed_hosts" not in info.data:
            return url
        base, parts = checks.split_url(info.data["base_url"]), checks.split_url(url)
        if not checks.is_loopback(base.hostname or ""):
            if not checks.is_public_https(parts, info.data["allowed_hosts"]):
                allowed = ", ".join(info.data["allowed_hosts"])
                raise ValueError(f"must be https on one of linkedin.allowed_hosts ({allowed})")
        elif checks.endpoint(parts) != checks.endpoint(base):
            raise ValueError("must be on the host and port of linkedin.base_url, which is a loopback address")
        return url

    def allows(self, url: str) -> bool:
        """Whether a token or a person's data may be sent to this URL, wherever the URL came from."""
        try:
            parts, base = checks.split_url(url), checks.split_url(self.base_url)
        except ValueError:
            return False
        if checks.is_loopback(base.hostname or ""):
            return checks.endpoint(parts) == checks.endpoint(base)
        return checks.is_public_https(parts, self.allowed_hosts)


class Metrics(Section):
    host: Text = Field(default="127.0.0.1", description="Address /metrics listens on.")
    port: Port = Field(default=9090, description="Its port; 0 takes a free one.")


class Limits(Section):
    users_per_minute: PerMinute = Field(
        default=500,
        description="Requests LinkedIn allows a member per minute to a segment's users.",
    )
    companies_per_minute: PerMinute = Field(
        default=200,
        description="Requests LinkedIn allows a member per minute to a segment's companies.",
    )


class Leases(Section):
    ttl: Seconds = Field(
        default=15.0, description="Seconds after which a replica that is silent loses its members to another."
    )


class Tracker(Section):
    interval: Seconds = Field(
        default=300.0,
        description="Seconds between two looks at a segment's status; five times as often while it is about to change.",
    )


class Shutdown(Section):
    deadline: Seconds = Field(
        default=25.0,
        description="Seconds a stop may take before the rest is cut; keep it below the pod's grace period.",
    )


class Log(Section):
    format: Annotated[Literal["json", "console", "auto"], BeforeValidator(checks.lower)] = Field(
        default="auto",
        description="How log lines look; auto is console on a terminal and json elsewhere.",
    )
    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(checks.lower)] = Field(
        default="info",
        description="The least level that is logged.",
    )


class Users(Section):
    allow_names_only: bool = Field(
        default=False,
        description="Send people known by name only; their names are then kept, because their REMOVE needs them.",
    )


class Outbox(Section):
    poll_interval: Seconds = Field(default=0.1, description="Seconds between two looks at an outbox that was empty.")
    notify: bool = Field(
        default=False,
        description="Also wake on PostgreSQL's NOTIFY; the CRM's transactions pay for it with a lock at commit.",
    )


class Resync(Section):
    after_expiry: Annotated[Literal["offer", "replay"], BeforeValidator(checks.lower)] = Field(
        default="offer",
        description="What follows when LinkedIn emptied a segment: offer waits for `syncd resync`, replay fills it again "
        "from the ledger at once.",
    )
    fuse: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.2,
        description="Share of a segment's members that a reconcile may remove without asking: above it a person must type "
        "the segment's name, and a scheduled one stops.",
    )


class Member(Section):
    """A LinkedIn user whose token makes the calls."""

    key: MemberKey = Field(description="Name of the member in syncd.")
    client_id: OptionalText = Field(
        default=None, description="Client id of the LinkedIn application; to refresh the token."
    )
    application: Text = Field(
        default="default",
        description="Name of the LinkedIn application, whose limits its members share; the client_id if there is one.",
    )
    access_token_file: OptionalFile = Field(
        default=None, description="File that holds the access token; may change any time."
    )
    refresh_token_file: OptionalFile = Field(
        default=None,
        description="File that holds the refresh token; needs client_id, client_secret_file and secret_keys.",
    )
    client_secret_file: OptionalFile = Field(
        default=None, description="File that holds the application's client secret."
    )

    @model_validator(mode="before")
    @classmethod
    def _application_is_the_client(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("client_id") and not data.get("application"):
            return {**data, "application": data["client_id"]}
        return data

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        if self.refresh_token_file is not None:
            if self.client_id is None or self.client_secret_file is None:
                raise ValueError("needs client_id and client_secret_file, as it has a refresh_token_file")
        elif self.access_token_file is None:
            raise ValueError("needs an access_token_file or a refresh_token_file")
        return self


class Source(Section):
    """Where a reconcile reads who should be in a segment."""

    database_url: Annotated[
        Annotated[SecretStr, AfterValidator(checks.source_url)] | None, BeforeValidator(checks.nothing_if_empty)
    ] = Field(
        default=None,
        description="The CRM's database, better a replica of it: postgresql+asyncpg://, mysql+aiomysql:// or "
        "sqlite+aiosqlite:///. A login that may only read is enough.",
    )
    database_url_file: OptionalFile = Field(
        default=None, description="File that holds database_url, read for each reconcile, instead of the value itself."
    )
    query: Text = Field(
        description="One SELECT whose columns are named as a payload's fields (email, sha256_email, name, website_domain …), "
        "and subject_id where the outbox rows have one; a row for everybody who should be in the segment."
    )
    timeout: Seconds = Field(default=900.0, description="Seconds until a statement of the source is given up.")

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if (self.database_url is None) == (self.database_url_file is None):
            raise ValueError("needs either a database_url or a database_url_file")
        return self

    def url(self) -> str:
        """The URL, from its file if it is in one. Raises OSError, ValueError."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        assert self.database_url_file is not None
        written = self.database_url_file.read_text(encoding="utf-8").strip()
        return checks.source_url(SecretStr(written)).get_secret_value()


class Segment(Section):
    """One of our audiences, bound to the member that feeds it."""

    key: SegmentKey = Field(description="Name of the segment in syncd and in the outbox.")
    name: Text = Field(description="Name of the segment at LinkedIn.")
    kind: Literal["user", "company"] = Field(description="What it holds.")
    account: Account = Field(description="The sponsored account it belongs to.")
    member: MemberKey = Field(description="Key of the member that feeds it.")
    source: Source | None = Field(default=None, description="Where a reconcile reads who should be in it.")
    reconcile: Cron | None = Field(
        default=None,
        description="When it is reconciled with its source, as a cron expression in UTC; never if not set.",
    )
    replay: Cron | None = Field(
        default=None,
        description="When all that the ledger holds goes out again, as a cron expression in UTC; LinkedIn forgets matches "
        "after 90 days.",
    )

    @model_validator(mode="after")
    def _reconciles_with_something(self) -> Self:
        if self.reconcile is not None and self.source is None:
            raise ValueError("needs a source, as it is to be reconciled")
        return self


class Settings(BaseSettings):
    """Everything that can be set. Built from arguments alone: `load` reads the environment and the file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
        env_prefix="SYNCD_",
        env_nested_delimiter="__",
    )

    instance: str = Field(
        default="syncd",
        pattern=r"^[a-z0-9-]{1,32}$",
        description="Name of this installation at LinkedIn: segments are known there as <instance>:<key>. Never change it.",
    )
    database_url: Annotated[SecretStr, AfterValidator(checks.database_url)] = Field(
        default=SecretStr("sqlite+aiosqlite:///syncd.db"),
        description="The database: postgresql+asyncpg://user:password@host/database, or sqlite+aiosqlite:///file.db.",
    )
    secret_keys: Annotated[tuple[FernetKey, ...], NoDecode, BeforeValidator(checks.items)] = Field(
        default=(),
        description="Fernet keys for tokens at rest, separated by commas; the first encrypts, all of them decrypt.",
    )
    linkedin: Linkedin = Linkedin()
    http: Http = Http()
    oidc: Oidc = Oidc()
    metrics: Metrics = Metrics()
    limits: Limits = Limits()
    leases: Leases = Leases()
    tracker: Tracker = Tracker()
    shutdown: Shutdown = Shutdown()
    log: Log = Log()
    users: Users = Users()
    outbox: Outbox = Outbox()
    resync: Resync = Resync()
    erasure: Erasure = Erasure()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    members: tuple[Member, ...] = Field(default=(), description="The LinkedIn users whose tokens make the calls.")
    segments: tuple[Segment, ...] = Field(
        default=(), description="Segments to keep; those declared here are read-only in console and API."
    )

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold secrets: they are not pickled")

    @field_validator("metrics")
    @classmethod
    def _has_its_own_port(cls, metrics: Metrics, info: ValidationInfo) -> Metrics:
        http = info.data.get("http")
        if http is not None and metrics.port and (metrics.host, metrics.port) == (http.host, http.port):
            raise ValueError("port must differ from http.port")
        return metrics

    @field_validator("alerts")
    @classmethod
    def _webhook_is_outside(cls, alerts: Alerts, info: ValidationInfo) -> Alerts:
        return alerts.allowed(info.data["linkedin"].base_url) if "linkedin" in info.data else alerts

    @field_validator("oidc")
    @classmethod
    def _comes_back(cls, oidc: Oidc, info: ValidationInfo) -> Oidc:
        http = info.data.get("http")
        if oidc.issuer is not None and http is not None and http.public_url is None:
            raise ValueError("needs http.public_url (SYNCD_HTTP__PUBLIC_URL), where the provider sends people back to")
        return oidc

    @field_validator("members")
    @classmethod
    def _members_agree(cls, members: tuple[Member, ...], info: ValidationInfo) -> tuple[Member, ...]:
        problems = [f"{key!r} is declared twice" for key in checks.twice(member.key for member in members)]
        if info.data.get("secret_keys") == ():
            problems += [
                f"{member.key!r} has a refresh_token_file, so secret_keys (SYNCD_SECRET_KEYS) must be set"
                for member in members
                if member.refresh_token_file is not None
            ]
        if problems:
            raise ValueError(", ".join(problems))
        return members

    @field_validator("segments")
    @classmethod
    def _segments_agree(cls, segments: tuple[Segment, ...], info: ValidationInfo) -> tuple[Segment, ...]:
        problems = [f"{key!r} is declared twice" for key in checks.twice(segment.key for segment in segments)]
        if "members" in info.data:
            known = {member.key for member in info.data["members"]}
            problems += [
                f"{segment.key!r} names member {segment.member!r}, which members does not declare"
                for segment in segments
                if segment.member not in known
            ]
        if segments and "linkedin" in info.data and info.data["linkedin"].source_platform is None:
            problems.append("linkedin.source_platform (SYNCD_LINKEDIN__SOURCE_PLATFORM) must be set to create them")
        if problems:
            raise ValueError(", ".join(problems))
        return segments

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings calls by these names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
