"""Settings that care for people: whom to forget, what to keep how long, whom to tell."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from syncd.settings import checks
from syncd.settings.kinds import PlainUrl
from syncd.settings.section import Section

_FernetKey = Annotated[SecretStr, AfterValidator(checks.fernet_key)]
_Days = Annotated[int, Field(ge=1)]


class Erasure(Section):
    key: Annotated[_FernetKey | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        default=None,
        description="Key under which people who were erased or have opted out are remembered, so that nobody adds them "
        "again. Erasures and opt-outs need it. Never change or lose it: without it they could be added again.",
    )


class Retention(Section):
    """How long what has ended is kept. Tombstones, horizons and tokens have rules of their own."""

    batches: _Days = Field(
        default=90, description="Days a closed batch is kept, and with it what `syncd changes show` knows of its rows."
    )
    dead_letters: _Days = Field(
        default=180, description="Days a dead letter is kept; never less than the batch it belongs to."
    )
    transitions: _Days = Field(default=730, description="Days a segment's changes of status are kept.")
    insights: _Days = Field(default=30, description="Days an answer about a segment's audience is kept.")
    erasures: _Days = Field(
        default=1095, description="Days the evidence of an erasure is kept once it is done; it names nobody."
    )
    alerts: _Days = Field(default=90, description="Days an alert is kept once it has healed, and a notification.")
    audit: _Days = Field(default=730, description="Days it stays known who did what.")
    api_tokens: _Days = Field(default=90, description="Days an API token is listed that has ended or was revoked.")
    resyncs: _Days = Field(
        default=365, description="Days it stays known what became of a resync once it has ended; its plan goes at once."
    )


class Alerts(Section):
    """Whom to tell when something wants a person."""

    webhook_url: Annotated[PlainUrl | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        default=None,
        description="Where alerts are posted: https on a host of the open internet, or loopback where linkedin.base_url "
        "is one. Without it they are only logged.",
    )
    secret: Annotated[Annotated[SecretStr, Field(min_length=16)] | None, BeforeValidator(checks.nothing_if_empty)] = (
        Field(default=None, description="Signs what is posted to webhook_url; at least 16 characters.")
    )
    dead_letters: int = Field(
        default=100, ge=0, description="Dead letters of a segment above which somebody is told; 0 is at the first."
    )

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.webhook_url is not None and self.secret is None:
            raise ValueError("needs a secret (SYNCD_ALERTS__SECRET or its _FILE form) to sign what webhook_url gets")
        return self

    def allowed(self, base_url: str) -> Self:
        """Itself, if the webhook is no way inside; on loopback only beside a LinkedIn that is there too (the sandbox)."""
        if self.webhook_url is None:
            return self
        parts = checks.split_url(self.webhook_url)
        host = parts.hostname or ""
        testing = checks.is_loopback(checks.split_url(base_url).hostname or "")
        if (testing and checks.is_loopback(host)) or (parts.scheme == "https" and checks.is_name(host)):
            return self
        raise ValueError(
            "webhook_url must be https on the name of a host; loopback goes with linkedin.base_url on loopback"
        )
