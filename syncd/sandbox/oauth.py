"""OAuth 2.0 as LinkedIn does it with three legs (linkedin-api.md §2): sign-in by code, refresh, and the dead token."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from .answers import Answer, json_answer
from .faults import Facts
from .gate import Admitted, conduct
from .journal import Entry
from .options import SCOPES
from .people import Grant, IssuedPair
from .world import WORLD, World


async def access_token(request: web.Request) -> web.StreamResponse:
    return await conduct(request, _admit)


async def authorization(request: web.Request) -> web.StreamResponse:
    """Consent is given at once, by the member `member=` names (an addition of the sandbox) or by the first."""
    world = request.app[WORLD]
    query = request.query
    redirect_uri, client_id = query.get("redirect_uri"), query.get("client_id", "")
    if query.get("response_type") != "code" or not redirect_uri or client_id not in world.directory.secrets:
        return web.json_response({"error": "invalid_request"}, status=400)
    key = query.get("member") or next(iter(world.directory.members), "demo")
    member = world.directory.enrol(key, client_id)
    grant = world.directory.consent(member, world.options.refresh_token_ttl, scopes=query.get("scope") or SCOPES)
    code = f"code-{grant.refresh_token}"
    world.codes[code] = grant.refresh_token
    answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
    joint = "&" if "?" in redirect_uri else "?"
    return web.Response(status=302, headers={"Location": f"{redirect_uri}{joint}{urlencode(answer)}"})


def _admit(world: World, request: web.Request, body: bytes, entry: Entry) -> Admitted:
    del request
    form = dict(parse_qsl(body.decode("utf-8", "replace")))
    grant = _grant_of(world, form)
    entry.resource = "oauth"
    entry.method = form.get("grant_type", "")
    entry.application = form.get("client_id", "")
    entry.member = grant.member.key if grant else ""
    facts = Facts(resource="oauth", member=entry.member, segment="", method=entry.method, body=body)
    return Admitted(facts=facts, answer=lambda: _token(world, form, entry))


def _grant_of(world: World, form: Mapping[str, str]) -> Grant | None:
    match form.get("grant_type"):
        case "refresh_token":
            return world.directory.live_grant(form.get("refresh_token", ""))
        case "authorization_code":
            return world.directory.live_grant(world.codes.get(form.get("code", ""), ""))
        case _:
            return None


def _token(world: World, form: Mapping[str, str], entry: Entry) -> Answer:
    if form.get("grant_type") not in {"refresh_token", "authorization_code"}:
        return _refused("unsupported_grant_type", "grant_type must be refresh_token or authorization_code")
    client_id = form.get("client_id", "")
    if world.directory.secrets.get(client_id) != form.get("client_secret"):
        return _refused("invalid_client", "Client authentication failed", status=401)
    grant = _grant_of(world, form)
    if grant is None or grant.member.application != client_id:
        return _refused(
            "invalid_grant", "The provided authorization grant or refresh token is invalid, expired or revoked"
        )
    if "code" in form:
        world.codes.pop(form["code"], None)
    elif world.options.rotate_refresh:
        grant = world.directory.rotate(grant)
    world.journal.applied(entry)
    pair = world.directory.issue(grant, world.options.access_token_ttl, spread=world.options.spread)
    return json_answer(200, pair_document(pair))


def pair_document(pair: IssuedPair) -> dict[str, object]:
    return {
        "access_token": pair.access.value,
        "expires_in": pair.expires_in,
        "refresh_token": pair.grant.refresh_token,
        "refresh_token_expires_in": pair.refresh_expires_in,
        "scope": pair.grant.scopes,
    }


def _refused(error: str, description: str, status: int = 400) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
