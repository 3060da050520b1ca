"""What LinkedIn says: an answer as a value, and the errors of linkedin-api.md §1 written once, here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(value), headers=headers or {})


def created(entity_id: str, *headers: str) -> Answer:
    """A create has no body; the id is in the header."""
    return Answer(status=201, headers=dict.fromkeys(headers, entity_id))


NO_CONTENT = Answer(status=204)


class RefusedError(Exception):
    """The call ends here, with LinkedIn's error body."""

    def __init__(self, status: int, message: str, code: str | None = None, service_code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.service_code = service_code

    def answer(self) -> Answer:
        return json_answer(self.status, error_body(self.status, self.message, self.code, self.service_code))


def error_body(
    status: int, message: str, code: str | None = None, service_code: int | None = None
) -> dict[str, str | int]:
    body: dict[str, str | int] = {"message": message, "status": status}
    if code is not None:
        body["code"] = code
    if service_code is not None:
        body["serviceErrorCode"] = service_code
    return body


def bad_request(message: str) -> RefusedError:
    return RefusedError(400, message)


def not_found(message: str) -> RefusedError:
    return RefusedError(404, message, "NOT_FOUND")


def version_missing() -> RefusedError:
    message = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
    return RefusedError(400, message, "VERSION_MISSING")


def version_inactive(version: str) -> RefusedError:
    return RefusedError(426, f"Requested version {version} is not active", "NONEXISTENT_VERSION")


def no_token() -> RefusedError:
    return RefusedError(401, "Empty or expired oauth2 access token", "EMPTY_ACCESS_TOKEN", 65604)


def unknown_token() -> RefusedError:
    return RefusedError(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600)


def revoked_token() -> RefusedError:
    return RefusedError(
        401, "The token used in the request has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601
    )


def expired_token() -> RefusedError:
    return RefusedError(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602)


def not_provisioned(what: str) -> RefusedError:
    return RefusedError(403, f"Not enough permissions to access: {what}", "ACCESS_DENIED", 100)


def role_too_weak(account: str, role: str | None) -> RefusedError:
    has = f"has only the role {role}" if role else "has no role"
    return RefusedError(403, f"Member is not authorized on {account}: the member {has}", "USER_NOT_AUTHORIZED")


def no_access() -> RefusedError:
    message = "Caller should have access to the Ad Account provided in the request"
    return RefusedError(403, message, "USER_NOT_AUTHORIZED")


def minute_limit() -> RefusedError:
    return RefusedError(429, "Too Many Requests", service_code=101)


def day_limit(scope: str) -> RefusedError:
    """`scope` is APPLICATION_AND_MEMBER or APPLICATION (reference 002)."""
    message = f"Resource level throttle {scope} DAY limit for calls to this resource is reached"
    return RefusedError(429, message, service_code=101)


def segment_limit(most: int) -> RefusedError:
    message = f"The ad account has reached its limit of {most} segments"
    return RefusedError(429, message, "SEGMENT_LIMIT_EXCEEDED")
