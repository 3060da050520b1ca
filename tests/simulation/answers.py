"""The bodies that the scripted LinkedIn reads and writes."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Sequence
from typing import Any, Final

from tests.simulation.records import Dmp
from tests.simulation.sqlite import WALL
from tests.simulation.weather import Plan

ERRORS: Final[dict[str, tuple[int, str, str]]] = {
    "minute": (429, "", "Too Many Requests"),
    "member_day": (429, "", "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls is reached"),
    "application_day": (429, "", "Resource level throttle APPLICATION DAY limit for calls is reached"),
    "unknown_throttle": (429, "", "slow down"),
    "unauthorized": (401, "EXPIRED_ACCESS_TOKEN", "The token has expired"),
    "forbidden": (403, "ACCESS_DENIED", "Not enough permissions"),
    "not_found": (404, "NOT_FOUND", "no such thing"),
    "conflict": (409, "CONFLICT", "concurrent change"),
    "refused": (400, "INVALID", "an element cannot be processed"),
    "unprocessable": (422, "FAILED_VALIDATION_CONDITION", "an element cannot be processed"),
    "too_large": (413, "", "request entity too large"),
    "misconfigured": (400, "VERSION_MISSING", "A version must be present"),
    "sunset": (426, "NONEXISTENT_VERSION", "Requested version is not active"),
    "failed": (500, "INTERNAL_SERVER_ERROR", "oops"),
    "failed_applied": (500, "INTERNAL_SERVER_ERROR", "oops"),
    "gateway": (502, "", ""),
    "gateway_applied": (504, "", ""),
    "busy": (423, "", "locked"),
}


def error(kind: str) -> tuple[int, bytes]:
    status, code, message = ERRORS[kind]
    if not message:
        return status, b"<html>bad gateway</html>"
    return status, json.dumps({"status": status, "code": code, "message": message}).encode()


def results(statuses: Sequence[int], plan: Plan, dice: random.Random) -> bytes:
    if plan.kind == "malformed":
        return b'{"elements":[{"status":201'
    results: list[dict[str, Any]] = [
        {"status": status} if status == 201 else {"status": status, "error": {"status": status, "message": "no"}}
        for status in statuses
    ]
    if plan.kind == "wrong_length":
        results = results[:-1] if dice.random() < 0.5 else [*results, {"status": 201}]
    elif plan.kind == "shuffled":
        for index, result in enumerate(results):
            result["batchIndex"] = index
        dice.shuffle(results)
    return json.dumps({"elements": results}).encode()


def described(dmp: Dmp) -> dict[str, Any]:
    return {
        "id": dmp.id,
        "name": dmp.name,
        "account": dmp.account,
        "type": dmp.kind,
        "sourcePlatform": dmp.platform,
        "sourceSegmentId": dmp.key,
        "created": 1000 * (WALL + dmp.created),
        "destinations": [{"destination": "LINKEDIN", "status": "READY", "audienceSize": len(dmp.members)}],
    }


def roles(accounts: Collection[str]) -> bytes:
    """What a member may do in each account: enough."""
    held = [{"account": account, "user": "urn:li:person:1", "role": "CAMPAIGN_MANAGER"} for account in sorted(accounts)]
    paging = {"start": 0, "count": 100, "total": len(held), "links": []}
    return json.dumps({"elements": held, "paging": paging}).encode()


def read(body: bytes, resource: str) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    """Elements as (action, keys), and what is wrong with their form."""
    found: list[tuple[str, tuple[str, ...]]] = []
    problem = ""
    for element in json.loads(body)["elements"]:
        action = element.pop("action")
        if action not in {"ADD", "REMOVE"}:
            problem = f"action {action}"
        if resource == "companies":
            found.append((action, (json.dumps(element, sort_keys=True),)))
            continue
        ids = element.get("userIds", [])
        for one in ids:
            length = {"SHA256_EMAIL": 64, "SHA512_EMAIL": 128, "GOOGLE_AID": 36}[one["idType"]]
            if len(one["idValue"]) != length:
                problem = f"{one['idType']} of {len(one['idValue'])}"
        found.append((action, tuple(f"{one['idType']}:{one['idValue']}" for one in ids)))
    return found, problem
