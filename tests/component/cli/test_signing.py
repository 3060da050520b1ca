"""Signing in by consent: from the address that a person opens to tokens that work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from syncd.cli.commands import syncd
from syncd.errors import BadConfiguration, Rejected
from syncd.operations import signing
from syncd.operations.signing import SignIn
from syncd.settings import Settings, load
from syncd.store.engine import Database
from tests.component.cli.conftest import Cli, configuration
from tests.component.cli.linkedin import Linkedin, running

BACK = "https://example.com/back"


def settled(tmp_path: Path, url: str, origin: str, **member: str) -> Path:
    """A configuration whose member has an application, and a token that is no good."""
    config = configuration(tmp_path, url, origin)
    (tmp_path / "token").write_text("ended")
    (tmp_path / "secret").write_text("demo-secret")
    settings = json.loads(config.read_text())
    settings["members"][0] |= {"client_id": "demo-app", "client_secret_file": str(tmp_path / "secret")} | member
    settings["secret_keys"] = Fernet.generate_key().decode()
    config.write_text(json.dumps(settings))
    return config


def consented(linkedin: Linkedin, begun: SignIn) -> str:
    """The address a browser ends at."""

    async def look() -> str:
        path = begun.url.removeprefix(linkedin.origin)
        answer = await linkedin.sandbox.client.get(path, allow_redirects=False)
        return answer.headers["Location"]

    return linkedin.do(look())


async def finish(settings: Settings, begun: SignIn, arrived: str) -> object:
    database = Database(settings.database_url.get_secret_value())
    try:
        return await signing.finish(database, settings, begun, arrived)
    finally:
        await database.close()


async def test_a_consent_becomes_tokens_that_work(store_url: str, tmp_path: Path) -> None:
    with running() as linkedin:
        config = settled(tmp_path, store_url, linkedin.origin)
        settings = load(config=config)
        begun = signing.begin(settings, "demo", BACK)
        asked = parse_qs(urlsplit(begun.url).query)
        assert asked["scope"] == ["r_ads rw_ads rw_dmp_segments"]
        assert asked["redirect_uri"] == [BACK]
        ends = await finish(settings, begun, consented(linkedin, begun))
        assert ends is not None
        with pytest.raises(Exception, match="sign in again"):
            await finish(settings, begun, f"{BACK}?code=used&state={begun.state}")
        told = _in_a_thread(config, "facets", "--json")
        assert "jobFunctions" in told


def _in_a_thread(config: Path, *arguments: str) -> str:
    """A command brings its own event loop."""
    said: list[str] = []
    run = Thread(target=lambda: said.append(CliRunner().invoke(syncd, ["--config", str(config), *arguments]).output))
    run.start()
    run.join(30)
    return said[0]


@pytest.mark.parametrize(
    ("arrived", "words"),
    [
        (f"{BACK}?code=1&state=another", "does not answer this sign-in"),
        (f"{BACK}?code=1", "does not answer this sign-in"),
        (f"{BACK}?state={{state}}", "holds no code"),
        (f"{BACK}?error=user_cancelled_login&state={{state}}", "was not given"),
        ("", "does not answer this sign-in"),
    ],
)
async def test_another_address_than_the_answer_is_refused(
    store_url: str, tmp_path: Path, arrived: str, words: str
) -> None:
    settings = load(config=settled(tmp_path, store_url, "http://127.0.0.1:9"))
    begun = signing.begin(settings, "demo", BACK)
    with pytest.raises(Rejected, match=words):
        await finish(settings, begun, arrived.format(state=begun.state))


def test_the_command_shows_the_address_and_never_echoes_the_answer(store_url: str, tmp_path: Path) -> None:
    config = settled(tmp_path, store_url, "http://127.0.0.1:9")
    arguments = ["--config", str(config), "members", "sign-in", "demo", "--redirect-uri", BACK]
    told = CliRunner().invoke(syncd, arguments, input=f"{BACK}?code=hidden&state=wrong\n")
    assert told.exit_code == 2
    assert re.search(r"^ +http://127\.0\.0\.1:9/oauth/v2/authorization\?\S+$", told.stdout, re.MULTILINE)
    assert "hidden" not in told.output


def test_a_member_without_an_application_cannot_sign_in(cli: Cli, tmp_path: Path, store_url: str) -> None:
    told = cli("members", "sign-in", "demo", "--redirect-uri", BACK)
    assert (told.exit_code, "client_id and client_secret_file" in told.stderr) == (78, True)
    settings = load(config=settled(tmp_path, store_url, "http://127.0.0.1:9"))
    for key, uri, error in (("nobody", BACK, Rejected), ("demo", "back", Rejected)):
        with pytest.raises(error):
            signing.begin(settings, key, uri)
    with pytest.raises(BadConfiguration, match="SYNCD_SECRET_KEYS"):
        signing.begin(settings.model_copy(update={"secret_keys": ()}), "demo", BACK)
