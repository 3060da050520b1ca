"""Networks and servers at their worst (reliability A13–A19): every end is a value, in time, and gives nothing away."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from syncd.domain.outcome import Answer, Delivered, Unclear, meaning
from syncd.domain.token import Tokens
from syncd.linkedin import streams
from syncd.linkedin.oauth import Dead, granted
from syncd.linkedin.wire import batch_body
from syncd.linkedin.words import clean
from tests.component.linkedin.serving import answering, raw, serve, transport

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
RESULT = b'{"elements":[{"status":201}]}'
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(RESULT) + RESULT
BOMB = gzip.compress(bytes(16 * 1024 * 1024))


@pytest.mark.parametrize(
    ("pieces", "then"),
    [
        ((), "hang"),
        ((), "close"),
        ((), "reset"),
        ((b"HTTP/1.1 200 OK\r\nContent-",), "close"),
        ((b"HTTP/1.1 200 OK\r\nContent-",), "hang"),
        ((b"220 smtp.example ESMTP\r\n",), "close"),
        ((OK + b"Content-Length: 5000\r\n\r\n" + RESULT,), "close"),
        ((OK + b"Content-Length: 5000\r\n\r\n" + RESULT,), "reset"),
        ((OK + b"Content-Length: 5000\r\n\r\n" + RESULT,), "hang"),
        ((OK + b"Content-Length: 5\r\n\r\n" + RESULT,), "close"),
        ((OK + b"Content-Length: nonsense\r\n\r\n" + RESULT,), "close"),
        ((OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n" + RESULT,), "close"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n1d\r\n" + RESULT,), "close"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + RESULT,), "close"),
        ((OK + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n",), "close"),
        ((OK + b"Content-Length: 99999999\r\n\r\n",), "hang"),
        ((OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,), "close"),
        ((OK + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd",), "close"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",), "close"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",), "close"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",), "close"),
        ((b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",), "hang"),
        ((b"HTTP/1.1 304 Not Modified\r\n\r\n",), "close"),
        ((b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{",), "close"),
    ],
)
async def test_an_answer_that_is_not_whole_proves_nothing(pieces: tuple[bytes, ...], then: str) -> None:
    async with raw(*pieces, then=then) as (base, seen), transport(base, cap=1_000_000) as client:
        began = time.monotonic()
        outcome = await streams.send(client, token="t", resource="users", dmp_id=1, body=batch_body([b"{}"]), sent=1)
        assert time.monotonic() - began < 1
    assert isinstance(outcome, Unclear), outcome
    assert outcome.lingering or outcome.words.startswith("success with")
    assert len(seen.requests) == 1


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 7))
async def test_a_reset_at_any_byte_is_unclear(cut: int) -> None:
    async with raw(WHOLE[:cut], then="reset") as (base, _), transport(base) as client:
        outcome = await streams.send(client, token="t", resource="users", dmp_id=1, body=batch_body([b"{}"]), sent=1)
    assert isinstance(outcome, Unclear)
    assert outcome.lingering


async def test_a_server_that_drips_is_given_up_at_the_total_timeout() -> None:
    pieces = (OK + b"Content-Length: 1000\r\n\r\n", *([b" "] * 200))
    async with raw(*pieces, pause=0.02) as (base, _), transport(base) as client:
        began = time.monotonic()
        outcome = await client.call("GET", "/x", token="t")
        assert 0.25 < time.monotonic() - began < 0.6
    assert isinstance(outcome, Unclear)
    assert outcome.lingering


async def test_an_endless_body_is_given_up_at_the_cap() -> None:
    pieces = (OK + b"Transfer-Encoding: chunked\r\n\r\n", *([b"10000\r\n" + bytes(65536) + b"\r\n"] * 400))
    async with raw(*pieces, then="hang") as (base, _), transport(base, cap=200_000, request_timeout=5) as client:
        began = time.monotonic()
        outcome = await client.call("GET", "/x", token="t")
        assert time.monotonic() - began < 1
    assert isinstance(outcome, Unclear)


async def test_endless_interim_answers_end_at_the_timeout() -> None:
    pieces = [b"HTTP/1.1 102 Processing\r\n\r\n"] * 100
    async with raw(*pieces, pause=0.01, then="hang") as (base, _), transport(base) as client:
        assert isinstance(await client.call("GET", "/x", token="t"), Unclear)


async def test_bytes_after_an_answer_never_become_the_next_answer() -> None:
    smuggled = b"HTTP/1.1 201 Created\r\nx-restli-id: 666\r\nContent-Length: 0\r\n\r\n"
    async with raw(WHOLE + smuggled, then="keep") as (base, seen), transport(base) as client:
        for _ in range(3):
            answer = await client.call("GET", "/x", token="t")
            assert isinstance(answer, Answer)
            assert (answer.status, answer.created_id) == (200, "")
    assert seen.connections == 3


async def test_a_refusal_before_the_body_was_read_does_not_hang() -> None:
    early = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with raw(early, read=False, then="hang") as (base, _), transport(base) as client:
        began = time.monotonic()
        outcome = await client.call("POST", "/x", token="t", body=bytes(32 * 1024 * 1024))
        assert time.monotonic() - began < 1
    assert outcome == Answer(413)


async def test_a_redirect_is_not_followed_and_its_target_sees_nothing() -> None:
    theirs, stolen = answering([web.Response()] * 9)
    async with serve(theirs) as target:
        for status in (301, 302, 303, 307, 308):
            handler, seen = answering([web.Response(status=status, headers={"Location": f"{target}/steal"})])
            async with serve(handler) as base, transport(base) as client:
                answer = await client.call("POST", "/x", token="t", body=b"{}")
            assert isinstance(answer, Unclear)
            assert len(seen) == 1
    assert stolen == []


@pytest.mark.parametrize("status", [408, 423, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"{", b"null", b'{"message":7,"code":[]}', b"\xff"])
async def test_a_failing_gateway_is_unclear_whatever_it_says(status: int, body: bytes) -> None:
    handler, _ = answering([web.Response(status=status, body=body)])
    async with serve(handler) as base, transport(base) as client:
        outcome = await streams.send(client, token="t", resource="users", dmp_id=1, body=batch_body([b"{}"]), sent=1)
    assert isinstance(outcome, Unclear)
    assert outcome.words == str(status)


async def test_an_error_is_known_by_its_status_when_its_body_is_cut() -> None:
    cut = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 500\r\n\r\n{"
    async with raw(cut, then="hang") as (base, _), transport(base) as client:
        assert await client.call("GET", "/x", token="t") == Answer(429, retry_after=5.0)


async def test_a_stream_whose_answer_is_whole_is_delivered() -> None:
    async with raw(WHOLE) as (base, seen), transport(base) as client:
        outcome = await streams.send(
            client, token="t", resource="companies", dmp_id=7, body=batch_body([b'{"a":1}']), sent=1
        )
    assert outcome == Delivered((), "")
    assert seen.requests[0].startswith(b"POST /rest/dmpSegments/7/companies HTTP/1.1\r\n")
    assert b"batch_create" in seen.requests[0].lower()
    assert seen.requests[0].endswith(b'{"elements":[{"a":1}]}')


SECRETS = {
    "token": "AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR",
    "short": "tok-en",
    "address": "ann.lee+x@example.com",
    "encoded": "ann.lee%40example.com",
    "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    "sha512": "309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f" * 2,
    "device": "38400000-8cf0-11bd-b23e-10b96e40000d",
}


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 409, 413, 422, 426, 429, 500])
@pytest.mark.parametrize("name", list(SECRETS))
async def test_nothing_a_server_echoes_gets_into_an_outcome(status: int, name: str) -> None:
    secret = SECRETS[name]
    said = f'Bearer {secret}, value "{secret}" of {secret}\u0000\n is wrong: {{"idValue":"{secret}"}}'
    error = {"message": said, "code": secret, "status": 400}
    body = {**error, "elements": [{"status": 400, "error": error}]}
    headers = {
        "x-li-uuid": "AAYAcQ==" if name == "device" else secret,
        "x-restli-id": secret,
        "Location": f"http://127.0.0.1:9/{secret}",
    }

    def echo() -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    token = secret if name in {"token", "short"} else "another"
    handler, _ = answering([echo, echo])
    async with serve(handler) as base, transport(base) as client:
        answer = await client.call("POST", "/x", token=token, body=b"{}")
        outcome = await streams.send(client, token=token, resource="users", dmp_id=1, body=batch_body([b"{}"]), sent=1)
    shown = repr(answer) + repr(outcome)
    if isinstance(answer, Answer) and status >= 400:
        shown += repr(meaning(answer))
    assert secret not in shown
    assert "ann.lee" not in shown
    assert "\\x00" not in shown


async def test_a_token_url_that_echoes_gives_nothing_away() -> None:
    fields = {"refresh_token": "AQWrefresh-1", "client_secret": "s3cret/&=", "client_id": "app"}
    said = {"error": "invalid_grant", "error_description": "s3cret/&= s3cret%2F%26%3D AQWrefresh-1"}
    handler, seen = answering([web.json_response(said, status=400)])
    async with serve(handler) as base, transport(base) as client:
        answer = await client.form(f"{client.endpoint.oauth_url}/accessToken", fields)
    assert dict(await seen[0].post()) == fields
    assert granted(answer, Tokens(access="a"), 0.0) == Dead("400 invalid_grant: [secret] [secret] [secret]")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Too Many Requests", "Too Many Requests"),
        (
            "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached",
            "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached",
        ),
        ("access token validation failed", "access token validation failed"),
        ("SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS", "SEGMENT_CREATION_NOT_ALLOWED_FOR_TEST_ACCOUNTS"),
        ("urn:li:sponsoredAccount:123456 is gone", "urn:li:sponsoredAccount:123456 is gone"),
        ("a\r\nb\x1b[31m\u202e", "a  b [31m"),
        ("x" * 20_000, ""),
        ("word " * 2_000, ("word " * 100).strip()),
    ],
)
def test_words_stay_readable(said: str, kept: str) -> None:
    assert clean(said) == kept


@pytest.mark.parametrize(
    "text",
    ["a1" * 9_000, "a@" * 9_000, "bearer " * 3_000, "%" * 9_000, "1-" * 9_000, ". " * 9_000, "a" * 3_999 + " "],
)
def test_cleaning_takes_linear_time(text: str) -> None:
    began = time.process_time()
    clean(text)
    assert time.process_time() - began < 0.2


async def test_a_body_of_megabytes_arrives_whole() -> None:
    handler, seen = answering([web.json_response({})])
    body = bytes(range(256)) * 20_000
    async with serve(handler) as base, transport(base, request_timeout=5) as client:
        assert isinstance(await client.call("POST", "/x", token="t", body=body), Answer)
    assert await seen[0].read() == body
    assert seen[0].headers["Content-Length"] == str(len(body))
    assert seen[0].headers["Content-Type"] == "application/json"


async def test_a_hundred_calls_at_once_share_the_session() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return web.json_response({})

    async with serve(handler) as base, transport(base, request_timeout=5) as client:
        answers = await asyncio.gather(*(client.call("GET", "/x", token="t") for _ in range(100)))
    assert all(isinstance(answer, Answer) for answer in answers)
