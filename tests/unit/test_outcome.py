"""`meaning`, row by row of the second table of `linkedin-api.md` §1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.outcome import (
    Answer,
    Conflict,
    CreateOnly,
    Failure,
    Fate,
    InvalidRequest,
    KeyNotFound,
    Misconfigured,
    NoRole,
    NotAllowed,
    NothingToUpdate,
    NotProvisioned,
    NotThere,
    ParameterMissing,
    Refused,
    Scope,
    ServerFailed,
    Sunset,
    Throttled,
    TokenRefused,
    Unclear,
    element_fate,
    meaning,
    meaning_of_call,
)

MEMBER_DAY = "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached"
APPLICATION_DAY = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached"
VERSION = "A version must be present. Please specify a version by adding the LinkedIn-Version header."


def _throttled(scope: Scope, words: str, after: float | None = None) -> Throttled:
    return Throttled(scope, after, words)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            Answer(429, "Too Many Requests", service_code=101),
            _throttled(Scope.MINUTE, "429 Too Many Requests"),
        ),
        (
            Answer(429, "Too Many Requests", service_code=101, retry_after=90.0),
            _throttled(Scope.MINUTE, "429 Too Many Requests", 90.0),
        ),
        (Answer(429, MEMBER_DAY, service_code=101), _throttled(Scope.MEMBER_DAY, f"429 {MEMBER_DAY}")),
        (Answer(429, APPLICATION_DAY, service_code=101), _throttled(Scope.APPLICATION_DAY, f"429 {APPLICATION_DAY}")),
        (
            Answer(429, "1000 segments", "SEGMENT_LIMIT_EXCEEDED"),
            _throttled(Scope.SEGMENT_LIMIT, "429 SEGMENT_LIMIT_EXCEEDED: 1000 segments"),
        ),
        (Answer(429), _throttled(Scope.UNKNOWN, "429")),
        (Answer(429, "Slow down"), _throttled(Scope.UNKNOWN, "429 Slow down")),
        (
            Answer(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600),
            TokenRefused("401 INVALID_ACCESS_TOKEN: Invalid access token"),
        ),
        (Answer(401, "", "REVOKED_ACCESS_TOKEN", 65601), TokenRefused("401 REVOKED_ACCESS_TOKEN")),
        (Answer(401, "", "EXPIRED_ACCESS_TOKEN", 65602), TokenRefused("401 EXPIRED_ACCESS_TOKEN")),
        (Answer(401, "", "EMPTY_ACCESS_TOKEN"), TokenRefused("401 EMPTY_ACCESS_TOKEN")),
        (
            Answer(403, "Not enough permissions", "ACCESS_DENIED"),
            NotProvisioned("403 ACCESS_DENIED: Not enough permissions"),
        ),
        (Answer(403, "", "USER_NOT_AUTHORIZED", uuid="u"), NoRole("403 USER_NOT_AUTHORIZED", "u")),
        (Answer(403, "Forbidden"), NotAllowed("403 Forbidden")),
        (Answer(404, "Cannot find entity to update"), NothingToUpdate("404 Cannot find entity to update")),
        (Answer(404, "Key not found: 000", uuid="u"), KeyNotFound("404 Key not found: 000", "u")),
        (
            Answer(400, "Parameter 'sortField' is required", "PARAM_MISSING"),
            ParameterMissing(400, "400 PARAM_MISSING: Parameter 'sortField' is required"),
        ),
        (
            Answer(422, "account::CreateOnly field present in a partial_update request"),
            CreateOnly(422, "422 account::CreateOnly field present in a partial_update request"),
        ),
        (
            Answer(422, "Missing required fields", "FAILED_VALIDATION_CONDITION", uuid="u"),
            InvalidRequest(422, "422 FAILED_VALIDATION_CONDITION: Missing required fields", uuid="u"),
        ),
        (Answer(400, "FAILED_VALIDATION_CONDITION"), InvalidRequest(400, "400 FAILED_VALIDATION_CONDITION")),
        (
            Answer(500, "Oops", "INTERNAL_SERVER_ERROR", uuid="u"),
            ServerFailed("500 INTERNAL_SERVER_ERROR: Oops", lingering=False, uuid="u"),
        ),
        (Answer(404, "Not found"), NotThere("404 Not found")),
        (Answer(409), Conflict("409")),
        (Answer(400, "Bad idValue"), Refused(400, "400 Bad idValue")),
        (Answer(400), Refused(400, "400")),
        (Answer(422, "idType is wrong"), Refused(422, "422 idType is wrong")),
        (Answer(413, "Too large"), Refused(413, "413 Too large", too_large=True)),
        (Answer(400, VERSION, "VERSION_MISSING"), Misconfigured(f"400 VERSION_MISSING: {VERSION}")),
        (Answer(405), Misconfigured("405")),
        (Answer(415), Misconfigured("415")),
        (
            Answer(400, "The segment is of another type"),
            Misconfigured("400 The segment is of another type"),
        ),
        (
            Answer(422, "A LIST_UPLOAD segment takes no stream"),
            Misconfigured("422 A LIST_UPLOAD segment takes no stream"),
        ),
        (
            Answer(400, "", "SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS"),
            Misconfigured("400 SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS"),
        ),
        (
            Answer(426, "Requested version 20240101 is not active", "NONEXISTENT_VERSION"),
            Sunset("426 NONEXISTENT_VERSION: Requested version 20240101 is not active"),
        ),
        (Answer(408, uuid="u"), Unclear("408", lingering=True, uuid="u")),
        (Answer(423), Unclear("423", lingering=False)),
        (Answer(500, "oops"), Unclear("500 oops", lingering=False)),
        (Answer(502), Unclear("502", lingering=True)),
        (Answer(503), Unclear("503", lingering=False)),
        (Answer(504), Unclear("504", lingering=True)),
    ],
)
def test_every_answer_of_the_table_means_what_the_table_says(answer: Answer, expected: Failure) -> None:
    assert meaning(answer) == expected


@pytest.mark.parametrize("status", [400, 422])
def test_what_was_asked_for_is_refused_whatever_the_words_but_a_stream_to_the_segment_is_not_halved(
    status: int,
) -> None:
    answer = Answer(status, "DMP segment 1 is in state EXPIRED", "FAILED_VALIDATION_CONDITION", uuid="u")
    assert meaning_of_call(answer) == InvalidRequest(status, answer.words, uuid="u")
    assert meaning(answer) == Misconfigured(answer.words, "u")


@given(st.integers(300, 999), st.text(max_size=30), st.text(max_size=10))
def test_every_answer_means_something(status: int, message: str, code: str) -> None:
    assert meaning(Answer(status, message, code)).words.startswith(str(status))


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *[(status, Fate.ACCEPTED) for status in (200, 201, 204)],
        *[(status, Fate.REFUSED) for status in (400, 404, 422)],
        *[(status, Fate.AGAIN) for status in (0, 302, 401, 403, 408, 409, 423, 425, 429, 500, 503, 999)],
    ],
)
def test_an_element_is_refused_for_its_data_only(status: int, fate: Fate) -> None:
    assert element_fate(status) is fate


def test_an_answer_does_not_show_its_body() -> None:
    assert "secret" not in repr(Answer(200, body=b"secret"))
