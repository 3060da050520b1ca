"""Signing a member in: a person consents in a browser, and the code that comes back becomes tokens, sealed at once.

The code is read from the address the browser ended at, which is given on stdin: neither it nor a token ever stands on a
command line.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from syncd.domain.access import COMMAND_LINE, By
from syncd.errors import BadConfiguration, Rejected, SyncdError, Transient
from syncd.linkedin.oauth import Again, Dead, authorization_url
from syncd.operations import audit, voices
from syncd.operations.audit import Deed
from syncd.operations.moments import moment
from syncd.operations.targets import member_of
from syncd.operations.voices import Clock
from syncd.settings import Member, Settings
from syncd.store.engine import Database

SCOPES: Final = ("r_ads", "rw_ads", "rw_dmp_segments")
"""What syncd does with a token: accounts and templates, segments and their members."""
_TICKET: Final = 600
"""Seconds a consent may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A consent that is under way: where to give it, and what must come back with its code."""

    member: Member
    redirect_uri: str
    state: str
    url: str


def begin(settings: Settings, key: str, redirect_uri: str) -> SignIn:
    """Raises Rejected, or BadConfiguration for a member that lacks what a sign-in needs."""
    member = member_of(settings, key)
    if urlsplit(redirect_uri).scheme not in {"https", "http"}:
        raise Rejected(
            "--redirect-uri is the address that your application names at LinkedIn, like https://example.com/back"
        )
    if member.client_id is None or member.client_secret_file is None:
        raise BadConfiguration(f"member {key} needs client_id and client_secret_file to sign in")
    if not settings.secret_keys:
        raise BadConfiguration("secret_keys (SYNCD_SECRET_KEYS) must be set: tokens are kept sealed in the database")
    state = secrets.token_urlsafe(24)
    url = authorization_url(
        settings.linkedin.oauth_url, client_id=member.client_id, redirect_uri=redirect_uri, state=state, scopes=SCOPES
    )
    return SignIn(member=member, redirect_uri=redirect_uri, state=state, url=url)


async def finish(
    database: Database,
    settings: Settings,
    begun: SignIn,
    arrived: str,
    clock: Clock = Clock(),
    *,
    by: By = COMMAND_LINE,
) -> datetime | None:
    """When the consent ends, if LinkedIn says so. Raises Rejected for an address that is not the answer to this one."""
    code = _code(begun, arrived)
    async with voices.transport(settings) as transport:
        source = voices.tokens(settings, begun.member, transport, database, clock)
        verdict = await source.redeem(code, begun.redirect_uri)
        match verdict:
            case Again(words=words):
                raise Transient(f"LinkedIn could not be asked, sign in again: {words}")
            case Dead(words=words):
                raise SyncdError(f"LinkedIn gives no token for this consent, sign in again: {words}")
            case None:
                ends = moment(source.ends[1])
                deed = Deed(action="member.sign-in", target=begun.member.key, after={"consent_ends": ends})
                await audit.record_alone(database, by, deed)
                return ends


def ticket(settings: Settings, begun: SignIn, whose: str) -> str:
    """A consent that is under way, sealed for whoever began it: so any replica can finish it."""
    held = _Ticket(member=begun.member.key, redirect_uri=begun.redirect_uri, state=begun.state, whose=whose)
    return _sealer(settings).encrypt(msgspec.json.encode(held)).decode()


def begun(settings: Settings, sealed: str, member: str, whose: str) -> SignIn:
    """What a ticket holds. Raises Rejected for one that is too old, of another member, or somebody else's."""
    try:
        opened = _sealer(settings).decrypt(sealed.encode(errors="replace"), ttl=_TICKET)
        held = msgspec.json.decode(opened, type=_Ticket)
    except (InvalidToken, msgspec.MsgspecError):
        raise Rejected("that ticket is none, or older than ten minutes: begin the sign-in again") from None
    if (held.member, held.whose) != (member, whose):
        raise Rejected("that ticket is of another sign-in: begin again")
    return SignIn(member=member_of(settings, member), redirect_uri=held.redirect_uri, state=held.state, url="")


class _Ticket(msgspec.Struct, frozen=True, kw_only=True):
    member: str
    redirect_uri: str
    state: str
    whose: str


def _sealer(settings: Settings) -> MultiFernet:
    if not settings.secret_keys:
        raise BadConfiguration("secret_keys (SYNCD_SECRET_KEYS) must be set: tokens are kept sealed in the database")
    return MultiFernet([Fernet(key.get_secret_value()) for key in settings.secret_keys])


def _code(begun: SignIn, arrived: str) -> str:
    said = {name: values[0] for name, values in parse_qs(urlsplit(arrived.strip()).query).items()}
    if "error" in said:
        raise Rejected("the consent was not given")
    if not secrets.compare_digest(said.get("state", "").encode(), begun.state.encode()):
        raise Rejected("that address does not answer this sign-in: begin again, and give the whole address")
    if not said.get("code"):
        raise Rejected("that address holds no code: give the whole address the browser ended at")
    return said["code"]
