"""Who may call: members, their roles on ad accounts, their access tokens and the grants (refresh tokens) behind them.

Tokens are derived from the seed and a counter, so that a run can be repeated; they protect nothing.
"""

import hashlib
from dataclasses import dataclass, field
from math import inf

from . import answers
from .clock import SandboxClock
from .options import SCOPES, SandboxOptions

WRITERS = frozenset({"ACCOUNT_BILLING_ADMIN", "ACCOUNT_MANAGER", "CAMPAIGN_MANAGER", "CREATIVE_MANAGER"})
ROLES = WRITERS | {"VIEWER"}

EVERY_ACCOUNT = "*"


@dataclass(slots=True, kw_only=True)
class Member:
    """A LinkedIn user in one application; `roles` maps an account, or `*`, to a role (None takes it away)."""

    key: str
    application: str
    roles: dict[str, str | None] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return f"urn:li:person:{self.key}"

    def role_on(self, account: str) -> str | None:
        return self.roles[account] if account in self.roles else self.roles.get(EVERY_ACCOUNT)


@dataclass(slots=True, kw_only=True)
class AccessToken:
    value: str
    member: Member
    scopes: frozenset[str]
    issued_at: float
    expires_at: float  # sandbox clock
    usable_from: float  # real clock: a fresh token is refused while it spreads
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class Grant:
    """What a member once consented to; its end does not move when it is used."""

    refresh_token: str
    member: Member
    scopes: str
    ends_at: float
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedPair:
    access: AccessToken
    grant: Grant
    expires_in: int
    refresh_expires_in: int


class Directory:
    def __init__(self, options: SandboxOptions, clock: SandboxClock) -> None:
        self._clock = clock
        self._seed = options.seed
        self._issued = 0
        self.members: dict[str, Member] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.grants: dict[str, Grant] = {}
        self.secrets: dict[str, str] = {options.application: options.client_secret}
        for option in options.members:
            member = self.enrol(option.key, options.application)
            member.roles[EVERY_ACCOUNT] = option.role
            grant = self.consent(member, options.refresh_token_ttl, option.refresh_token)
            # A token written on a command line cannot be refreshed there: it lasts, however fast the clock runs.
            self.issue(grant, options.access_token_ttl, value=option.token).access.expires_at = inf

    def enrol(self, key: str, application: str) -> Member:
        """The member of that key, made on demand."""
        member = self.members.get(key)
        if member is None:
            member = self.members[key] = Member(key=key, application=application)
        return member

    def consent(self, member: Member, ttl: float, refresh_token: str | None = None, scopes: str = SCOPES) -> Grant:
        value = refresh_token or self._fresh("refresh")
        grant = Grant(refresh_token=value, member=member, scopes=scopes, ends_at=self._clock.now() + ttl)
        self.grants[value] = grant
        return grant

    def issue(self, grant: Grant, ttl: float, *, spread: float = 0.0, value: str | None = None) -> IssuedPair:
        """A new access token; it never outlives its grant."""
        now = self._clock.now()
        left = max(0.0, grant.ends_at - now)
        expires_in = min(float(ttl), left)
        token = AccessToken(
            value=value or self._fresh("access"),
            member=grant.member,
            scopes=frozenset(grant.scopes.split()),
            issued_at=now,
            expires_at=now + expires_in,
            usable_from=self._clock.real() + spread,
        )
        self.tokens[token.value] = token
        return IssuedPair(access=token, grant=grant, expires_in=int(expires_in), refresh_expires_in=int(left))

    def rotate(self, grant: Grant) -> Grant:
        """A new refresh token with the old end; the old one is dead."""
        del self.grants[grant.refresh_token]
        grant.refresh_token = self._fresh("refresh")
        self.grants[grant.refresh_token] = grant
        return grant

    def authenticate(self, header: str | None) -> AccessToken:
        """The token of an Authorization header; the documented 401 otherwise."""
        scheme, _, value = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise answers.no_token()
        token = self.tokens.get(value.strip())
        if token is None or self._clock.real() < token.usable_from:
            raise answers.unknown_token()
        if token.revoked:
            raise answers.revoked_token()
        if self._clock.now() >= token.expires_at:
            raise answers.expired_token()
        return token

    def live_grant(self, refresh_token: str) -> Grant | None:
        grant = self.grants.get(refresh_token)
        if grant is None or grant.revoked or self._clock.now() >= grant.ends_at:
            return None
        return grant

    def _fresh(self, kind: str) -> str:
        self._issued += 1
        digest = hashlib.blake2b(f"{self._seed}:{kind}:{self._issued}".encode(), digest_size=16)
        return f"{kind}-{digest.hexdigest()}"


def require_scope(token: AccessToken, *any_of: str) -> None:
    if token.scopes.isdisjoint(any_of):
        raise answers.not_provisioned(" or ".join(any_of))


def require_reader(member: Member, account: str) -> None:
    if member.role_on(account) is None:
        raise answers.role_too_weak(account, None)


def require_account(member: Member, account: str) -> None:
    """Any role will do, in the words of references 000 and 004."""
    if member.role_on(account) is None:
        raise answers.no_access()


def require_writer(member: Member, account: str) -> None:
    role = member.role_on(account)
    if role not in WRITERS:
        raise answers.role_too_weak(account, role)
