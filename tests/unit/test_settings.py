"""A wrong configuration ends the start with one clear line that shows no secret (reliability P15)."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.errors import BadConfiguration
from syncd.settings import Settings, describe, load

EXAMPLE = Path(__file__).parents[2] / "config" / "syncd.yaml"
CANARY = "c4n4ry-QmFzZTY0"
KEY = Fernet.generate_key().decode()
LOOPBACK = {
    "SYNCD_LINKEDIN__BASE_URL": "http://127.0.0.1:8099/rest",
    "SYNCD_LINKEDIN__OAUTH_URL": "http://127.0.0.1:8099/oauth/v2",
}
SEGMENT = {"key": "trials", "name": "Trials", "kind": "user", "account": "urn:li:sponsoredAccount:1", "member": "bot"}

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the folder the tests run in is read."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "syncd.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def refused(env: dict[str, str], config: Path | None = None) -> str:
    with pytest.raises(BadConfiguration) as caught:
        load(env, config=config)
    line = str(caught.value)
    assert "\n" not in line
    return line


def file_with(tmp_path: Path, content: str, name: str = "secret") -> str:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return str(file)


def test_nothing_set_is_the_defaults() -> None:
    settings = load({})
    assert settings == Settings()
    assert settings.instance == "syncd"
    assert settings.database_url.get_secret_value() == "sqlite+aiosqlite:///syncd.db"
    assert (settings.limits.users_per_minute, settings.limits.companies_per_minute) == (500, 200)
    assert (settings.http.port, settings.metrics.port) == (8080, 9090)
    assert (settings.leases.ttl, settings.tracker.interval, settings.shutdown.deadline) == (15.0, 300.0, 25.0)


def test_every_documented_default_is_the_default() -> None:
    env = {each.env: each.default for each in describe() if each.env is not None and each.default is not None}
    assert load(env) == Settings()


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.instance = "other"
    with pytest.raises(ValidationError):
        settings.limits.users_per_minute = 499


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SYNCD_LIMITS__USERS_PER_MINUTE", "-3", "must be at least 10, is -3"),
        ("SYNCD_LIMITS__COMPANIES_PER_MINUTE", "9", "must be at least 10, is 9"),
        ("SYNCD_LIMITS__USERS_PER_MINUTE", "many", "must be a whole number, is many"),
        ("SYNCD_LIMITS__USERS_PER_MINUTE", "", "must be a whole number"),
        ("SYNCD_LEASES__TTL", "0", "must be more than 0, is 0"),
        ("SYNCD_LEASES__TTL", "nan", "must be a finite number"),
        ("SYNCD_SHUTDOWN__DEADLINE", "inf", "must be a finite number"),
        ("SYNCD_TRACKER__INTERVAL", "5m", "must be a number, is 5m"),
        ("SYNCD_HTTP__PORT", "70000", "must be at most 65535, is 70000"),
        ("SYNCD_HTTP__HOST", "", "must not be empty"),
        ("SYNCD_HTTP__PUBLIC_URL", "syncd.example.com", "must be a URL"),
        ("SYNCD_LOG__FORMAT", "xml", "must be 'json', 'console' or 'auto', is xml"),
        ("SYNCD_LOG__LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error', is loud"),
        ("SYNCD_USERS__ALLOW_NAMES_ONLY", "maybe", "must be true or false, is maybe"),
        ("SYNCD_INSTANCE", "Sync_D", "must match ^[a-z0-9-]{1,32}$, is Sync_D"),
        ("SYNCD_INSTANCE", "syncd\n", "must match"),
        ("SYNCD_LINKEDIN__API_VERSION", "202613", "must match"),
        ("SYNCD_LINKEDIN__CA_FILE", "/nowhere.pem", "must be a readable file (no such file or directory)"),
        ("SYNCD_LINKEDIN__CA_FILE", "/", "must be a readable file (not a file)"),
        ("SYNCD_LINKEDIN__PROXY", "proxy:3128", "must be a URL"),
        ("SYNCD_LINKEDIN__ALLOWED_HOSTS", "", "must not be empty"),
        ("SYNCD_LINKEDIN__ALLOWED_HOSTS", "https://api.linkedin.com", "must be host names"),
        ("SYNCD_LINKEDIN__ALLOWED_HOSTS", "localhost", "must be host names"),
        ("SYNCD_LINKEDIN__ALLOWED_HOSTS", "10.0.0.1", "must be host names"),
        ("SYNCD_DATABASE_URL", "", "must be a URL"),
        ("SYNCD_DATABASE_URL", "mysql://host/db", "must start with postgresql+asyncpg:// or sqlite+aiosqlite://"),
        ("SYNCD_DATABASE_URL", "sqlite:///syncd.db", "must start with"),
        ("SYNCD_DATABASE_URL", "postgresql://host", "must name a database"),
        ("SYNCD_DATABASE_URL", "sqlite+aiosqlite://", "must name a file"),
        ("SYNCD_DATABASE_URL", "sqlite+aiosqlite:////nowhere/syncd.db", "may write"),
        ("SYNCD_SECRET_KEYS", "abc", "must be a Fernet key"),
        ("SYNCD_MEMBERS", "ads-bot", "must be a list in JSON"),
        ("SYNCD_SEGMENTS", "{}", "must be a list in JSON"),
    ],
)
def test_a_bad_variable_is_named_with_what_it_must_be(name: str, value: str, expected: str) -> None:
    line = refused({name: value})
    dotted = name.removeprefix("SYNCD_").lower().replace("__", ".")
    assert re.match(rf"{re.escape(dotted)}(\[0\])? \({name}\): ", line), line
    assert expected in line


def test_a_bad_value_of_the_file_is_named_with_the_file(write: Write) -> None:
    file = write("limits: {users_per_minute: -3}\n")
    assert refused({}, file) == f"limits.users_per_minute ({file}): must be at least 10, is -3"


def test_all_problems_of_both_sources_are_told_at_once(write: Write) -> None:
    file = write("limits: {users_per_minute: 1, hourly: 7}\nlog: {level: loud}\n")
    line = refused({"SYNCD_LEASES__TTL": "-1", "SYNCD_INSTANC": "x"}, file)
    problems = line.split("; ")
    for start in (
        "SYNCD_INSTANC:",
        "leases.ttl (SYNCD_LEASES__TTL):",
        "limits.hourly",
        "limits.users_per",
        "log.level",
    ):
        assert any(problem.startswith(start) for problem in problems), (start, line)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("SYNCD_LIMITS__USER_PER_MINUTE", "did you mean SYNCD_LIMITS__USERS_PER_MINUTE?"),
        ("SYNCD_HTTP_PORT", "did you mean SYNCD_HTTP__PORT?"),
        ("SYNCD_CONFG", "did you mean SYNCD_CONFIG?"),
        ("SYNCD_ZZZ", "remove it"),
        ("SYNCD_MEMBERS__0__KEY", "remove it"),
        ("SYNCD__ENV_FILE", "remove it"),
    ],
)
def test_an_unknown_variable_is_refused_and_the_nearest_suggested(name: str, suggestion: str) -> None:
    line = refused({name: CANARY})
    assert line.startswith(f"{name}: is no setting of syncd; ")
    assert suggestion in line or suggestion == "remove it"
    assert CANARY not in line


@pytest.mark.parametrize(
    ("text", "start", "suggestion"),
    [
        ("limit: {}", "limit", "did you mean limits?"),
        ("limits: {user_per_minute: 400}", "limits.user_per_minute", "did you mean users_per_minute?"),
        (
            "members: [{key: bot, acess_token_file: x}]",
            "members[0].acess_token_file",
            "did you mean access_token_file?",
        ),
        (f"members: [{{key: bot, access_token: {CANARY}}}]", "members[0].access_token", "set access_token_file"),
        ("_env_file: x", "_env_file", "remove it"),
        ("1: x", "1", "remove it"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_suggested(
    write: Write, text: str, start: str, suggestion: str
) -> None:
    file = write(text)
    line = refused({}, file)
    told = next(problem for problem in line.split("; ") if problem.startswith(f"{start} ({file}): "))
    assert "is no setting of syncd" in told
    assert suggestion in line
    assert CANARY not in line


def test_variables_that_kubernetes_sets_for_a_service_named_syncd_are_not_settings() -> None:
    env = {
        "SYNCD_SERVICE_HOST": "10.0.0.1",
        "SYNCD_SERVICE_PORT": "8080",
        "SYNCD_SERVICE_PORT_HTTP": "8080",
        "SYNCD_PORT": "tcp://10.0.0.1:8080",
        "SYNCD_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "SYNCD_PORT_8080_TCP_ADDR": "10.0.0.1",
        "SYNCD_METRICS_SERVICE_HOST": "10.0.0.2",
        "SYNCD_METRICS_PORT": "tcp://10.0.0.2:9090",
        "SYNCD_METRICS_PORT_9090_TCP_PROTO": "tcp",
    }
    assert load(env) == Settings()
    assert "SYNCD_METRICS__PORT" in refused({"SYNCD_METRICS_PORT": "9090"})


def test_variables_of_others_are_not_read() -> None:
    assert (
        load({"syncd_instance": "other", "INSTANCE": "other", "HOME": "/", "SYNCD_TEST_POSTGRES": "16"}) == Settings()
    )


def test_the_environment_stands_over_the_file_setting_by_setting(write: Write) -> None:
    file = write("instance: from-file\nlimits: {users_per_minute: 100, companies_per_minute: 50}\n")
    settings = load({"SYNCD_LIMITS__USERS_PER_MINUTE": "300"}, config=file)
    assert settings.instance == "from-file"
    assert (settings.limits.users_per_minute, settings.limits.companies_per_minute) == (300, 50)


def test_the_file_is_the_argument_or_the_one_the_environment_names_or_the_default(write: Write, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "syncd.yaml").write_text("instance: by-default")
    named = tmp_path / "named.yaml"
    named.write_text("instance: by-name")
    assert load({}).instance == "by-default"
    assert load({"SYNCD_CONFIG": str(named)}).instance == "by-name"
    assert load({"SYNCD_CONFIG": str(named)}, config=write("instance: by-argument")).instance == "by-argument"


def test_a_file_that_is_named_must_exist() -> None:
    assert refused({"SYNCD_CONFIG": "/nowhere/syncd.yaml"}).startswith("/nowhere/syncd.yaml: no such file")
    assert refused({}, Path("/nowhere/syncd.yaml")).startswith("/nowhere/syncd.yaml: no such file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a: [{CANARY}", "not valid YAML near line 1"),
        (f"database_url: *{CANARY}", "not valid YAML near line 1"),
        (f"!!python/name:{CANARY} x", "not valid YAML near line 1"),
        ("\0", "not valid YAML"),
        ("limits: {}\nlog: {}\nlimits: {}\n", "a key stands twice near line 3"),
        ("- instance", "must hold settings"),
        (CANARY, "must hold settings"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_without_quoting_it(write: Write, text: str, expected: str) -> None:
    file = write(text)
    line = refused({}, file)
    assert line.startswith(f"{file}: {expected}")
    assert CANARY not in line


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read (is a directory)" in refused({"SYNCD_CONFIG": str(tmp_path)})


def test_empty_files_and_empty_groups_set_nothing(write: Write) -> None:
    assert load({}, config=write("")) == Settings()
    assert load({}, config=write("linkedin:\nmembers:\ninstance:\n")) == Settings()


@pytest.mark.parametrize("group", ["linkedin: 5", "linkedin: [a]", "linkedin: text"])
def test_a_group_must_be_a_group(write: Write, group: str) -> None:
    assert "linkedin" in (line := refused({}, write(group)))
    assert "must be a group of settings" in line


def test_values_of_the_file_take_in_the_environment(write: Write) -> None:
    file = write(
        "instance: ${STAGE}-syncd\nhttp: {port: '${PORT}', host: '$${x'}\nlinkedin: {allowed_hosts: ['${HOST}', www.linkedin.com]}"
    )
    settings = load({"STAGE": "prod", "PORT": "81", "HOST": "api.linkedin.com"}, config=file)
    assert settings.instance == "prod-syncd"
    assert settings.http.port == 81
    assert settings.linkedin.allowed_hosts == ("api.linkedin.com", "www.linkedin.com")


def test_a_doubled_dollar_keeps_the_braces(write: Write) -> None:
    assert load({}, config=write("http: {host: '$${NAME}'}")).http.host == "${NAME}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("instance: ${NOWHERE}", "instance"),
        ("limits: {users_per_minute: '${NOWHERE}'}", "limits.users_per_minute"),
        ("linkedin: {proxy: 'http://u:${NOWHERE}@proxy'}", "linkedin.proxy"),
        ("linkedin: {source_platform: '${NOWHERE}'}", "linkedin.source_platform"),
        ("secret_keys: ['${NOWHERE}']", "secret_keys[0]"),
        ("secret_keys: '${NOWHERE}'", "secret_keys"),
        ("database_url: '${NOWHERE}'", "database_url"),
        ("members: [{key: '${NOWHERE}', access_token_file: /dev/null}]", "members[0].key"),
        ("linkedin: '${NOWHERE}'", "linkedin"),
    ],
)
def test_a_variable_that_the_file_needs_must_be_set(write: Write, text: str, place: str) -> None:
    file = write(text)
    line = refused({}, file)
    assert f"{place} ({file}): needs ${{NOWHERE}}, which the environment does not set" in line
    assert line.count("NOWHERE") == 1


def test_a_variable_the_file_refers_to_may_begin_like_a_setting(write: Write) -> None:
    file = write("instance: ${SYNCD_STAGE}")
    assert load({"SYNCD_STAGE": "prod"}, config=file).instance == "prod"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p%40ss@h:5433/db", "postgresql+asyncpg://u:p%40ss@h:5433/db"),
        ("postgresql://u@h/db", "postgresql+asyncpg://u@h/db"),
        ("postgresql+asyncpg://u@h/db", "postgresql+asyncpg://u@h/db"),
        ("postgresql://h/db?sslmode=require", "postgresql+asyncpg://h/db?ssl=require"),
        ("sqlite+aiosqlite:///syncd.db", "sqlite+aiosqlite:///syncd.db"),
    ],
)
def test_a_database_url_is_made_one_for_the_async_drivers(given: str, used: str) -> None:
    assert load({"SYNCD_DATABASE_URL": given}).database_url.get_secret_value() == used


def test_secrets_come_from_files_too(tmp_path: Path, write: Write) -> None:
    other = Fernet.generate_key().decode()
    env = {
        "SYNCD_DATABASE_URL_FILE": file_with(tmp_path, "postgresql://u:pw@h/db\n", "url"),
        "SYNCD_SECRET_KEYS_FILE": file_with(tmp_path, f"{KEY},\n{other}\n", "keys"),
        "SYNCD_LINKEDIN__PROXY_FILE": file_with(tmp_path, "http://u:pw@proxy:3128", "proxy"),
    }
    settings = load(env)
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://u:pw@h/db"
    assert [key.get_secret_value() for key in settings.secret_keys] == [KEY, other]
    assert settings.linkedin.proxy is not None
    assert settings.linkedin.proxy.get_secret_value() == "http://u:pw@proxy:3128"
    lines = (f"{name.removeprefix('SYNCD_').lower()}: {path}" for name, path in env.items() if "PROXY" not in name)
    proxy = f"linkedin: {{proxy_file: '{env['SYNCD_LINKEDIN__PROXY_FILE']}'}}"
    assert load({}, config=write("\n".join([*lines, proxy]))) == settings


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("SYNCD_DATABASE_URL_FILE", "database_url"),
        ("SYNCD_SECRET_KEYS_FILE", "secret_keys"),
        ("SYNCD_LINKEDIN__PROXY_FILE", "linkedin.proxy"),
    ],
)
def test_a_secret_file_that_is_missing_empty_or_doubled_is_refused(tmp_path: Path, name: str, setting: str) -> None:
    missing, empty = str(tmp_path / CANARY), file_with(tmp_path, "\n")
    assert refused({name: missing}) == f"{setting} ({name}): must be a readable file (no such file or directory)"
    assert refused({name: empty}) == f"{setting} ({name}): must be a file that holds something; it is empty"
    doubled = refused({name: empty, name.removesuffix("_FILE"): "x"})
    assert doubled == f"{setting} ({name}): is set beside its file form; keep one of the two"


def test_a_variable_stands_over_a_file_form_in_the_file(write: Write) -> None:
    file = write("database_url_file: /nowhere")
    settings = load({"SYNCD_DATABASE_URL": "postgresql://h/db"}, config=file)
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://h/db"
    assert f"database_url (database_url_file in {file}): must be a readable file" in refused({}, file)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.linkedin.com/rest",
        "https://evil.example/rest",
        "https://api.linkedin.com.evil.example/rest",
        "https://api.linkedin.com:8443/rest",
        "https://api.linkedin.com./rest",
        "https://108.174.10.10/rest",
        "https://[2620:109:c002::6cae:a0a]/rest",
        "https://0.0.0.0/rest",
        "https://127.1/rest",
        f"https://user:{CANARY}@api.linkedin.com/rest",
        "https://api.linkedin.com@evil.example/rest",
        "https://api.linkedin.com\\@evil.example/rest",
        "https://api.linkedin.com\t/rest",
        "https://api.linkedin.com:0/rest",
        "https://api.linkedin.com/rest?x=1",
        "https://api.linkedin.com/rest#x",
        "https:///rest",
        "ftp://api.linkedin.com/rest",
        "api.linkedin.com",
        "https://api.linkedin.com:port/rest",
        "https://[::1/rest",
    ],
)
@pytest.mark.parametrize("name", ["BASE_URL", "OAUTH_URL"])
def test_no_url_leads_elsewhere_than_to_linkedin(name: str, url: str) -> None:
    line = refused({f"SYNCD_LINKEDIN__{name}": url})
    assert line.startswith(f"linkedin.{name.lower()} (SYNCD_LINKEDIN__{name}): must ")
    assert CANARY not in line


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_a_loopback_base_url_may_be_http_on_any_port_and_takes_the_sign_in_along(host: str) -> None:
    env = {
        "SYNCD_LINKEDIN__BASE_URL": f"http://{host}:8099/rest/",
        "SYNCD_LINKEDIN__OAUTH_URL": f"http://{host}:8099/oauth/v2",
    }
    linkedin = load(env).linkedin
    assert linkedin.base_url == f"http://{host}:8099/rest"
    assert linkedin.allows(f"http://{host}:8099/upload")
    assert not linkedin.allows(f"http://{host}:8098/upload")
    assert not linkedin.allows("https://www.linkedin.com/upload")


@pytest.mark.parametrize(
    "url", ["https://www.linkedin.com/oauth/v2", "http://127.0.0.1:8098/oauth", "http://localhost:8099/"]
)
def test_beside_a_loopback_base_url_the_sign_in_cannot_be_elsewhere(url: str) -> None:
    line = refused({**LOOPBACK, "SYNCD_LINKEDIN__OAUTH_URL": url})
    assert line.startswith("linkedin.oauth_url (SYNCD_LINKEDIN__OAUTH_URL): must be on the host and port of")


def test_a_loopback_base_url_alone_is_refused_as_the_default_sign_in_is_linkedin_itself() -> None:
    assert "linkedin.oauth_url (SYNCD_LINKEDIN__OAUTH_URL)" in refused(
        {"SYNCD_LINKEDIN__BASE_URL": "http://127.0.0.1:8099/rest"}
    )


def test_a_loopback_sign_in_beside_linkedin_is_refused() -> None:
    assert "linkedin.oauth_url" in refused({"SYNCD_LINKEDIN__OAUTH_URL": LOOPBACK["SYNCD_LINKEDIN__OAUTH_URL"]})


def test_linkedins_own_answers_may_only_lead_to_allowed_hosts() -> None:
    linkedin = Settings().linkedin
    assert linkedin.allows("https://www.linkedin.com/ambry/?x-li-ambry-ep=AQ")
    assert linkedin.allows("https://WWW.linkedin.com:443/ambry")
    for elsewhere in (
        "http://www.linkedin.com/ambry",
        "https://evil.example/",
        "http://127.0.0.1/",
        "",
        "https://a@www.linkedin.com",
    ):
        assert not linkedin.allows(elsewhere)


def test_the_two_servers_need_two_ports() -> None:
    assert "must differ from http.port" in refused({"SYNCD_METRICS__PORT": "8080"})
    assert load({"SYNCD_METRICS__PORT": "0", "SYNCD_HTTP__PORT": "0"}).http.port == 0


def declared(tmp_path: Path, **changes: Any) -> dict[str, str]:
    """An environment with one good member and one good segment, changed as told."""
    token = file_with(tmp_path, CANARY, "token")
    member = {"key": "bot", "access_token_file": token} | changes.get("member", {})
    members = changes.get("members", [{key: value for key, value in member.items() if value is not None}])
    segments = changes.get("segments", [SEGMENT | changes.get("segment", {})])
    return {
        "SYNCD_LINKEDIN__SOURCE_PLATFORM": "ACME",
        "SYNCD_MEMBERS": json.dumps(members),
        "SYNCD_SEGMENTS": json.dumps(segments),
        **changes.get("env", {}),
    }


def test_members_and_segments_are_declared_in_the_file(tmp_path: Path, write: Write) -> None:
    env = declared(tmp_path)
    file = write(
        yaml.safe_dump(
            {
                "linkedin": {"source_platform": "ACME", "api_version": 202607},
                "members": json.loads(env["SYNCD_MEMBERS"]),
                "segments": json.loads(env["SYNCD_SEGMENTS"]),
            }
        )
    )
    settings = load({}, config=file)
    assert settings.linkedin.api_version == "202607"
    assert [(member.key, member.application) for member in settings.members] == [("bot", "default")]
    assert [(segment.key, segment.kind, segment.member) for segment in settings.segments] == [("trials", "user", "bot")]
    assert (settings.members, settings.segments) == (load(env).members, load(env).segments)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"segments": [SEGMENT, SEGMENT]}, "segments (SYNCD_SEGMENTS): 'trials' is declared twice"),
        ({"segment": {"member": "ghost"}}, "segments (SYNCD_SEGMENTS): 'trials' names member 'ghost', which"),
        ({"segment": {"key": "(unknown)"}}, "segments[0].key (SYNCD_SEGMENTS): must match"),
        ({"segment": {"key": "a" * 64}}, "segments[0].key (SYNCD_SEGMENTS): must match"),
        ({"segment": {"key": 7}}, "segments[0].key (SYNCD_SEGMENTS): must be text (in YAML, put it in quotes), is 7"),
        ({"segment": {"name": ""}}, "segments[0].name (SYNCD_SEGMENTS): must not be empty"),
        ({"segment": {"kind": "people"}}, "segments[0].kind (SYNCD_SEGMENTS): must be 'user' or 'company', is people"),
        ({"segment": {"account": "123456"}}, "segments[0].account (SYNCD_SEGMENTS): must match"),
        ({"segments": [{"key": "trials"}]}, "segments[0].account (SYNCD_SEGMENTS): is missing"),
        ({"segments": ["trials"]}, "segments[0] (SYNCD_SEGMENTS): must be a group of settings"),
        ({"member": {"key": "Bot"}}, "members[0].key (SYNCD_MEMBERS): must match"),
        ({"member": {"access_token_file": None}}, "needs an access_token_file or a refresh_token_file"),
        (
            {"member": {"access_token_file": "/nowhere"}},
            "members[0].access_token_file (SYNCD_MEMBERS): must be a readable",
        ),
        ({"member": {"access_token_file": CANARY}}, "members[0].access_token_file (SYNCD_MEMBERS): must be a readable"),
        (
            {"member": {"refresh_token_file": "/dev"}},
            "members[0].refresh_token_file (SYNCD_MEMBERS): must be a readable file",
        ),
        ({"member": {"access_token": CANARY}}, "members[0].access_token (SYNCD_MEMBERS): is no setting of syncd"),
        ({"env": {"SYNCD_LINKEDIN__SOURCE_PLATFORM": ""}}, "SYNCD_LINKEDIN__SOURCE_PLATFORM) must be set"),
    ],
)
def test_a_bad_declaration_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    line = refused(declared(tmp_path, **changes))
    assert expected in line
    assert CANARY not in line


def test_a_member_key_stands_once(tmp_path: Path) -> None:
    member = {"key": "bot", "access_token_file": file_with(tmp_path, "t")}
    assert "'bot' is declared twice" in refused(declared(tmp_path, members=[member, member]))


def test_a_refresh_token_needs_its_client_and_keys_to_store_it_under(tmp_path: Path) -> None:
    file = file_with(tmp_path, CANARY, "refresh")
    alone = {"refresh_token_file": file, "access_token_file": None}
    client = {"client_id": "86abc", "client_secret_file": file}
    assert "needs client_id and client_secret_file" in refused(declared(tmp_path, member=alone))
    assert "secret_keys (SYNCD_SECRET_KEYS) must be set" in refused(declared(tmp_path, member=alone | client))
    settings = load(declared(tmp_path, member=alone | client, env={"SYNCD_SECRET_KEYS": KEY}))
    assert settings.members[0].application == "86abc"
    assert CANARY not in repr(settings)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root reads every file, so it becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_or_folder_syncd_may_not_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    secret = file_with(tmp_path, CANARY)
    env = declared(tmp_path, member={"access_token_file": secret})
    Path(secret).chmod(0)
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    with ordinary_user():
        assert "permission denied" in refused({"SYNCD_SECRET_KEYS_FILE": secret})
        assert "permission denied" in refused(env)
        assert "permission denied" in refused({"SYNCD_CONFIG": secret})
        assert "must name a file that syncd may write" in refused(
            {"SYNCD_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/syncd.db"}
        )


def test_no_secret_is_in_the_settings_text(tmp_path: Path) -> None:
    env = declared(tmp_path) | {
        "SYNCD_DATABASE_URL": f"postgresql://u:{CANARY}@h/db",
        "SYNCD_SECRET_KEYS": KEY,
        "SYNCD_LINKEDIN__PROXY": f"http://u:{CANARY}@proxy:3128",
    }
    settings = load(env)
    shown = f"{settings!r}{settings!s}{settings.model_dump()}{settings.model_dump_json()}"
    assert CANARY not in shown
    assert KEY not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)


SECRETS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8).map(
    lambda text: f"{CANARY}{text}"
)


@given(
    secret=SECRETS,
    form=st.sampled_from(["{}", "postgresql://u:{}@h", "mysql://u:{}@h/db", "http://u:{}@p q", "ftp://{}@h"]),
)
@pytest.mark.parametrize(
    "name",
    [
        "SYNCD_DATABASE_URL",
        "SYNCD_SECRET_KEYS",
        "SYNCD_LINKEDIN__PROXY",
        "SYNCD_DATABASE_URL_FILE",
        "SYNCD_SECRET_KEYS_FILE",
        "SYNCD_LINKEDIN__PROXY_FILE",
        "SYNCD_LINKEDIN__CA_FILE",
        "SYNCD_LINKEDIN__BASE_URL",
        "SYNCD_LINKEDIN__OAUTH_URL",
        "SYNCD_LINKEDIN__ALLOWED_HOSTS",
        "SYNCD_HTTP__PUBLIC_URL",
        "SYNCD_MEMBERS",
        "SYNCD_DATABASE_PASSWORD",
    ],
)
def test_whatever_is_wrong_with_a_secret_it_is_never_shown(name: str, secret: str, form: str) -> None:
    assert CANARY not in refused({name: form.format(secret), "SYNCD_LIMITS__USERS_PER_MINUTE": "-3"})


def test_the_example_file_starts_as_it_is() -> None:
    assert load({}, config=EXAMPLE) == Settings()


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    documented = yaml.safe_load(re.sub(r"(?m)^( *)#(?=\S|  )", r"\1", EXAMPLE.read_text(encoding="utf-8")))
    shown = {
        "segments[]": documented["segments"][0],
        "segments[].source": documented["segments"][0]["source"],
        "members[]": documented["members"][0],
        "": documented,
    }
    defaults: dict[str, Any] = {}
    for each in describe():
        group, _, key = each.name.rpartition(".")
        within = shown[group] if group in shown else documented[group]
        assert key in within, f"{EXAMPLE.name} does not show {each.name}"
        if each.default is not None and each.env is not None:
            (defaults.setdefault(group, {}) if group else defaults)[key] = within[key]
    assert Settings(**defaults) == Settings()


def test_every_setting_is_described() -> None:
    assert [each.name for each in describe() if not each.comment.endswith(".")] == []
    assert [each.env for each in describe() if "[" not in each.name and each.env is None] == []
