"""Settings of what people and programs reach over HTTP, and of who lets them in."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from syncd.settings import checks
from syncd.settings.kinds import OptionalText, PlainUrl, Port, Text
from syncd.settings.section import Section


class Http(Section):
    host: Text = Field(default="127.0.0.1", description="Address the API, the console and the probes listen on.")
    port: Port = Field(default=8080, description="Its port; 0 takes a free one.")
    public_url: Annotated[PlainUrl | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        default=None,
        description="The URL people open the console at, when a proxy or an ingress stands before it.",
    )
    first_admin_password: Annotated[
        Annotated[SecretStr, AfterValidator(checks.password)] | None,
        BeforeValidator(checks.nothing_if_empty),
    ] = Field(
        default=None,
        description="Password of the account `admin`, which is made at start where nobody can sign in yet; 12 characters "
        "or more. Later changes of it do nothing: `syncd users` does.",
    )


class Oidc(Section):
    """An identity provider for people; off without an issuer."""

    issuer: Annotated[PlainUrl | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        default=None,
        description="The provider's issuer, as its tokens name it; https, or http on a loopback address.",
    )
    client_id: OptionalText = Field(default=None, description="How the provider knows syncd.")
    client_secret: Annotated[SecretStr | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        default=None, description="What proves to the provider that it is syncd."
    )
    role_claim: Text = Field(default="groups", description="The claim that lists what somebody is.")
    viewer: OptionalText = Field(default="syncd-viewers", description="What in the claim makes a viewer.")
    operator: OptionalText = Field(default="syncd-operators", description="What in the claim makes an operator.")
    admin: OptionalText = Field(default="syncd-admins", description="What in the claim makes an admin.")
    accounts_claim: Text = Field(
        default="syncd_accounts",
        description="The claim that lists somebody's ad accounts, by URN or number. Who has none of them, nor all, is not "
        "let in.",
    )
    all_accounts: OptionalText = Field(
        default="syncd-all-accounts", description="What in role_claim gives somebody all ad accounts."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer is None:
            return self
        parts = checks.split_url(self.issuer)
        if parts.scheme != "https" and not checks.is_loopback(parts.hostname or ""):
            raise ValueError("issuer must be https")
        if self.client_id is None or self.client_secret is None:
            raise ValueError("needs client_id and client_secret, as it has an issuer")
        return self
