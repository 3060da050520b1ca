"""Ad accounts, who may do what in them, and the ad segments campaigns target (linkedin-api.md §3)."""

from .answers import Answer, bad_request, json_answer, not_found
from .call import Call
from .clock import millis
from .people import EVERY_ACCOUNT, Member, require_reader, require_scope
from .restli import page, read_compound_key
from .segments import Segment
from .world import World


def find_account_users(world: World, call: Call) -> Answer:
    """`q=authenticatedUser`: the accounts of the token's member, with the role there."""
    require_scope(call.token, "r_ads", "rw_ads")
    if call.target.value("q") != "authenticatedUser":
        raise bad_request("adAccountUsers has no such finder; it has q=authenticatedUser")
    accounts = accounts_of(world, call.member)
    shown = page(call.target, accounts, lambda account: _account_user(call.member, account), world.options)
    return json_answer(200, shown)


def get_account_user(world: World, call: Call) -> Answer:
    require_scope(call.token, "r_ads", "rw_ads")
    key = read_compound_key(call.target.parts[1])
    account, user = key.get("account", ""), key.get("user", "")
    require_reader(call.member, account)
    member = next((one for one in world.directory.members.values() if one.urn == user), None)
    if member is None or member.role_on(account) is None:
        raise not_found(f"{user} has no role on {account}")
    return json_answer(200, _account_user(member, account))


def find_accounts(world: World, call: Call) -> Answer:
    """`q=search`; the search itself is not interpreted: a member sees every account of theirs."""
    require_scope(call.token, "r_ads", "rw_ads")
    if call.target.value("q") != "search":
        raise bad_request("adAccounts has no such finder; it has q=search")
    tests = world.options.test_accounts

    def show(account: str) -> dict[str, object]:
        number = account.rpartition(":")[2]
        return {
            "id": int(number) if number.isdecimal() else number,
            "name": f"Ad account {number}",
            "status": "ACTIVE",
            "type": "BUSINESS",
            "currency": "USD",
            "test": account in tests,
        }

    return json_answer(200, page(call.target, accounts_of(world, call.member), show, world.options))


def find_ad_segments(world: World, call: Call) -> Answer:
    """`q=accounts`: what campaigns of these accounts can target, with its status."""
    require_scope(call.token, "r_ads", "rw_ads", "rw_dmp_segments")
    if call.target.value("q") != "accounts":
        raise bad_request("adSegments has no such finder; it has q=accounts")
    call.target.required("accounts")
    accounts = call.target.values("accounts")
    for account in accounts:
        require_reader(call.member, account)
    found = [
        segment
        for segment in world.segments
        if segment.account in accounts and world.segments.shown(segment, world.options.visible_after)
    ]
    return json_answer(200, page(call.target, found, lambda one: _ad_segment(world, one), world.options))


def accounts_of(world: World, member: Member) -> list[str]:
    """Every account the sandbox has heard of on which the member has a role, in a stable order."""
    named = [account for account in member.roles if account != EVERY_ACCOUNT]
    seen = [segment.account for segment in world.segments]
    known = dict.fromkeys([*world.options.accounts, *world.options.test_accounts, *named, *seen])
    return [account for account in known if member.role_on(account) is not None]


def _account_user(member: Member, account: str) -> dict[str, object]:
    return {"account": account, "user": member.urn, "role": member.role_on(account)}


def _ad_segment(world: World, segment: Segment) -> dict[str, object]:
    document: dict[str, object] = {
        "id": int(segment.ad_segment_urn.rpartition(":")[2]),
        "account": segment.account,
        "name": segment.name,
        "type": "BULK",
        "status": segment.life.status,
        "created": millis(segment.created),
        "lastModified": millis(segment.life.since),
    }
    audience = world.segments.audience(segment)
    if audience is not None:
        document["approximateMemberCount"] = audience
    return document
