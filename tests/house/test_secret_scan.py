"""No file of the repository holds a secret: detect-secrets looks at every one, and three shapes of our own trade beside it.

What it takes for a secret and is none stands in `PUBLIC`, by file and kind, with the reason; nothing else passes, and a
line of that list that allows nothing any more fails too.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from tests.house.test_house import LOCKS, ROOT, repository_files

OURS: Final = {
    "LinkedIn token": re.compile(r"(?<![\w-])AQ[A-Z][\w-]{80,}"),
    "LinkedIn client secret": re.compile(r"(?<![\w-])WPL_AP\d\.[\w=+/]{12,}"),
    "Fernet key": re.compile(r"(?<![\w-])[\w-]{43}=(?![\w=])"),
    "bearer token": re.compile(r"\bbearer[ ]+(?=[\w.~+/-]*\d)[\w.~+/-]{24,}", re.IGNORECASE),
}
_EXAMPLE: Final = "the login of an example URL"
_NAME: Final = "the name of a Secret"
_HASH: Final = "hashes of made-up addresses, and of nothing"
_CANARY: Final = "made up, to be searched for"
_VISITORS: Final = "passwords of people who are made up, in databases that last for a test"
PUBLIC: Final = {
    ("README.md", "Basic Auth Credentials"): _EXAMPLE,
    ("config/syncd.yaml", "Basic Auth Credentials"): _EXAMPLE,
    ("docs/configuration.md", "Basic Auth Credentials"): _EXAMPLE,
    ("docs/deploy.md", "Basic Auth Credentials"): "a password out of a file, put into a URL",
    ("tests/chart/combinations.py", "Secret Keyword"): _NAME,
    ("tests/chart/rendering.py", "Secret Keyword"): _NAME,
    ("tests/chart/test_values.py", "Basic Auth Credentials"): _EXAMPLE,
    ("tests/chart/test_values.py", "Secret Keyword"): _NAME,
    ("syncd/settings/models.py", "Basic Auth Credentials"): _EXAMPLE,
    ("syncd/settings/catalogue.py", "Secret Keyword"): "the name of a type",
    ("syncd/domain/user.py", "Hex High Entropy String"): _HASH,
    ("tests/unit/identity_vectors.py", "Hex High Entropy String"): _HASH,
    ("tests/component/store/test_contract.py", "Hex High Entropy String"): _HASH,
    ("tests/component/privacy/test_erasure.py", "Hex High Entropy String"): _HASH,
    ("tests/component/linkedin/test_hostile.py", "Hex High Entropy String"): _CANARY,
    ("tests/component/linkedin/test_hostile.py", "Base64 High Entropy String"): _CANARY,
    ("tests/component/linkedin/test_hostile.py", "Secret Keyword"): _CANARY,
    ("tests/component/linkedin/test_auth.py", "Secret Keyword"): _CANARY,
    ("tests/component/sandbox/test_access.py", "Secret Keyword"): "the sandbox's own, which protects nothing",
    ("tests/unit/test_logs.py", "Basic Auth Credentials"): _CANARY,
    ("tests/component/cli/test_client.py", "Basic Auth Credentials"): _CANARY,
    ("tests/component/cli/test_faces.py", "Secret Keyword"): _VISITORS,
    ("tests/unit/test_logs.py", "Secret Keyword"): _CANARY,
    ("tests/unit/test_settings.py", "Basic Auth Credentials"): _CANARY,
    ("tests/acceptance/test_secrecy.py", "Secret Keyword"): _CANARY,
    ("tests/component/admin/house.py", "Secret Keyword"): _VISITORS,
    ("tests/component/admin/test_audit.py", "Secret Keyword"): _VISITORS,
    ("tests/component/admin/test_audit.py", "Hex High Entropy String"): "the digest of nothing",
    ("tests/component/admin/test_doors.py", "Secret Keyword"): _VISITORS,
    ("tests/component/admin/test_doors.py", "bearer token"): "one letter over and over",
    ("tests/component/admin/test_matrix.py", "Secret Keyword"): _VISITORS,
    ("tests/component/admin/test_oidc.py", "Secret Keyword"): _VISITORS,
    ("tests/component/admin/test_session.py", "Secret Keyword"): _VISITORS,
    ("tests/component/cli/test_users.py", "Secret Keyword"): _VISITORS,
    ("tests/faults/processes.py", "Fernet key"): "a word over and over, in base64",
    ("tests/simulation/run.py", "Fernet key"): "the ten digits over and over, in base64",
}


def secrets_in(file: Path) -> Iterator[tuple[str, int]]:
    """The kinds of what looks like a secret, with its line; never the secret, for tests print what they compare."""
    with default_settings():
        for found in scan_file(str(file)):
            yield found.type, found.line_number
    text = file.read_text(errors="replace")
    for kind, pattern in OURS.items():
        for match in pattern.finditer(text):
            yield kind, text.count("\n", 0, match.start()) + 1


def test_no_file_holds_a_secret_and_every_exception_is_needed() -> None:
    met: set[tuple[str, str]] = set()
    secrets = []
    for file in repository_files():
        name = str(file.relative_to(ROOT))
        if name in LOCKS:  # hashes and nothing else, as their own test says
            continue
        for kind, line in secrets_in(file):
            met.add((name, kind))
            if (name, kind) not in PUBLIC:
                secrets.append(f"{name}:{line}: {kind}")
    assert secrets == []
    assert set(PUBLIC) - met == set()


def _random(alphabet: str, length: int) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


def _planted() -> Sequence[tuple[str, str]]:
    """Written in pieces and drawn by lot, so that this file is not found by its own search."""
    letters, mixed = string.ascii_lowercase, string.ascii_letters + string.digits
    return (
        ("private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
        ("private key of SSH", "-----BEGIN " + "OPENSSH PRIVATE KEY-----"),
        ("AWS", f'key = "AK{"IA"}{_random(string.ascii_uppercase + string.digits, 16)}"'),
        ("GitHub", f"token: gh{'p'}_{_random(mixed, 36)}"),
        ("Slack", f"xo{'xb'}-{'1' * 12}-{'2' * 12}-{_random(mixed, 24)}"),
        ("JSON web token", "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + _random(mixed, 43)),
        ("password in a URL", f"url = 'postgresql://syncd:{_random(letters, 12)}@db.internal/syncd'"),
        ("password", f'password = "{_random(mixed, 18)}"'),
        ("LinkedIn token", f"access_token: AQ{_random(string.ascii_uppercase, 1)}{_random(mixed, 170)}"),
        ("LinkedIn client secret", f"WPL_{'AP1'}.{_random(mixed, 16)}.{_random(mixed, 6)}=="),
        ("Fernet key", f"SYNCD_SECRET_KEYS={_random(mixed, 43)}="),
        ("bearer token", f"curl -H Authorization: Bearer {_random(mixed, 30)}7"),
        ("high entropy, base64", f'thing = "{_random(mixed + "+/", 60)}"'),
        ("high entropy, hex", f'thing = "{_random("0123456789abcdef", 64)}"'),
    )


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in _planted()])
@pytest.mark.parametrize("suffix", [".py", ".yaml", ".md", ".sh"])
def test_a_planted_secret_is_found(text: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"planted{suffix}"
    file.write_text(f"one: 1\n{text}\n")
    assert [line for _, line in secrets_in(file) if line == 2]
