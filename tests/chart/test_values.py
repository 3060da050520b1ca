"""Bad values are refused: unknown and malformed ones by the schema, contradictions in one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.combinations import COMBINATIONS
from tests.chart.reference import README, SCHEMA, readme, schema, text_of
from tests.chart.rendering import BASE, SEGMENT, Values, members, render, values


def places(told: Values, where: str = "") -> Iterator[tuple[str, Values]]:
    """Every object of the schema, by the way to it."""
    if told.get("type") == "object" and where != "global":
        yield where, told
    for key, inner in told.get("properties", {}).items():
        yield from places(inner, f"{where}.{key}".lstrip("."))
    if isinstance(told.get("items"), dict):
        yield from places(told["items"], f"{where}[]")


def test_every_object_of_the_schema_refuses_what_it_does_not_know() -> None:
    whole = schema()
    everywhere = [*places(whole), *((f"definitions.{key}", one) for key, one in whole["definitions"].items())]
    assert len(everywhere) > 40
    for where, told in everywhere:
        assert "additionalProperties" in told, where
        extra = told["additionalProperties"]
        assert extra is False or (extra == {"type": "string"} and "properties" not in told), where


def test_the_schema_and_the_page_of_values_are_as_written_by_their_sources() -> None:
    told = "run `python -m tests.chart.reference`"
    assert SCHEMA.read_text(encoding="utf-8") == text_of(schema()), told
    assert README.read_text(encoding="utf-8") == readme(), told


def test_every_default_stands_in_the_schema() -> None:
    def compare(given: Any, told: Values, where: str) -> None:
        for key, value in given.items():
            assert key in told["properties"], f"{where}{key}"
            if isinstance(value, dict) and "properties" in told["properties"][key]:
                compare(value, told["properties"][key], f"{where}{key}.")

    import yaml  # noqa: PLC0415  # for this test alone

    defaults = yaml.safe_load(SCHEMA.with_name("values.yaml").read_text(encoding="utf-8"))
    compare(defaults, schema(), "")


@pytest.mark.parametrize(
    "spoil",
    [
        {"replica": 1},
        {"replicas": "2"},
        {"replicas": 0},
        {"image": {"tagg": "1"}},
        {"image": {"digest": "sha256:abc"}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"config": {"linkedin": {"api_version": "2026"}}},
        {"config": {"linkedin": {"proxy": "http://user:pw@proxy:3128"}}},
        {"config": {"limits": {"users_per_minute": 1}}},
        {"config": {"log": {"level": "loud"}}},
        {"config": {"http": {"port": 9}}},
        {"config": {"database_url": "postgresql://h/d"}},
        {"config": {"members": []}},
        {"config": {"segments": [{"key": "Trial", "name": "n", "kind": "user", "account": "1", "member": "m"}]}},
        {"config": {"segments": [{"key": "t", "name": "n"}]}},
        {"config": {"segments": [{**SEGMENT, "source": {}}]}},
        {"config": {"segments": [{**SEGMENT, "source": {"query": "select 1", "quarry": "select 1"}}]}},
        {"config": {"segments": [{**SEGMENT, "source": {"query": "select 1", "database_url": "postgresql://h/d"}}]}},
        {"sources": [{"segments": [], "existingSecret": "a", "key": "b"}]},
        {"sources": [{"segments": ["t"], "url": "postgresql://h/d"}]},
        {"networkPolicy": {"sources": [{"to": []}]}},
        {"links": {"runbook": "docs/runbook.md"}},
        {"links": {"console": "https://a.example/#b"}},
        {"secrets": {"database_url": "postgresql://h/d"}},
        {"secrets": {"secret_keys": {"existingSecret": "keys"}}},
        {"secrets": {"other": {"existingSecret": "a", "key": "b"}}},
        {"members": [{"key": "Ads Bot", "existingSecret": "s", "keys": ["access_token"]}]},
        {"members": [{"key": "a", "existingSecret": "s", "keys": ["password"]}]},
        {"members": [{"key": "a", "keys": ["access_token"]}]},
        {"networkPolicy": {"prometheus": [{"namespace": "monitoring"}]}},
        {"networkPolicy": {"database": {"port": 70000}}},
        {"keda": {"scaler": "cpu"}},
        {"metrics": {"serviceMonitor": {"interval": "15"}}},
        {"dashboards": {"labels": {"grafana_dashboard": 1}}},
        {"resources": {"limits": {"memory": "512MB"}}},
        {"resources": {"limits": {"gpu": "1"}}},
        {"sandbox": {"options": ["clock=1"]}},
        {"ingress": {"host": "https://syncd.example.com"}},
        {"preStopSeconds": -1},
    ],
    ids=str,
)
def test_the_schema_refuses(spoil: Values) -> None:
    with pytest.raises(
        Exception, match=r"values don't meet the specifications|additional properties|got |does not match|value must"
    ):
        render(values(spoil))


_NO_DATABASE: Values = {"secrets": {"database_url": None}, "migration": {"existingSecret": ""}}
_ASKING: Values = {**SEGMENT, "source": {"query": "select email from people"}}
_SOURCE: Values = {"segments": ["trial-signups"], "existingSecret": "crm-replica", "key": "url"}
_SIGNING: Values = {"issuer": "https://id.example.com", "client_id": "syncd"}
_OIDC: Values = {
    "config": {"oidc": _SIGNING},
    "secrets": {"oidc__client_secret": {"existingSecret": "syncd-others", "key": "client_secret"}},
}
_WEBHOOK: Values = {
    "config": {"alerts": {"webhook_url": "https://hooks.example.com"}},
    "secrets": {"alerts__secret": {"existingSecret": "syncd-others", "key": "webhook_secret"}},
}
_PROXY: Values = {"networkPolicy": {"proxy": {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (values({"image": {"repository": ""}}), "image.repository: say where"),
        (values({"members": []}), "members: name at least one"),
        (values({"replicas": 2}), "2 replicas for 1 members: a member has one owner.*lower replicas .* to 1"),
        (
            values({"members": members(3), "config": {"segments": None}, "autoscaling": {"enabled": True, "maxReplicas": 4}}),
            "4 replicas for 3 members",
        ),
        (values({"keda": {"enabled": True, "maxReplicas": 2}}), "2 replicas for 1 members"),
        (values({"autoscaling": {"enabled": True}, "keda": {"enabled": True}}), "keep one"),
        (values({"autoscaling": {"enabled": True, "minReplicas": 2}}), "autoscaling.minReplicas is 2 and above maxReplicas, 1"),
        (values({"keda": {"enabled": True, "minReplicas": 3}}), "keda.minReplicas is 3 and above maxReplicas, 1"),
        (values(_NO_DATABASE), "set exactly one of .*; set are: none"),
        (values({"sqlite": {"enabled": True}}), "set are: secrets.database_url, sqlite.enabled"),
        (
            values(_NO_DATABASE, {"sqlite": {"enabled": True}, "replicas": 2, "members": members(2), "config": {"segments": None}}),
            "sqlite.enabled: its file has one daemon",
        ),
        (values(_NO_DATABASE, {"sqlite": {"enabled": True}, "autoscaling": {"enabled": True}}), "sqlite.enabled"),
        (
            values(_NO_DATABASE, {"sqlite": {"enabled": True}, "pause": {"segments": ["trial-signups"]}}),
            "pause.members, pause.segments: no Job reaches the file of sqlite.enabled",
        ),
        (values({"config": {"segments": [_ASKING]}}), "trial-signups has a source, so sources must name the Secret"),
        (values({"sources": [_SOURCE]}), "sources: segment trial-signups has no source in config.segments"),
        (values({"config": {"segments": [_ASKING]}, "sources": [_SOURCE] * 2}), "trial-signups stands there twice"),
        (values({"pause": {"members": ["ads-bto"]}}), "pause.members: ads-bto is none of members"),
        (values({"config": {"segments": [SEGMENT] * 2}}), "config.segments: trial-signups stands there twice"),
        (values({"config": {"oidc": _SIGNING}}), "config.oidc.issuer: needs config.oidc.client_id and secrets.oidc__client_secret"),
        (values(_OIDC, {"config": {"oidc": {"client_id": None}}}), "config.oidc.issuer: needs config.oidc.client_id"),
        (values(_WEBHOOK, {"secrets": None}, {"secrets": BASE["secrets"]}), "webhook_url: needs secrets.alerts__secret"),
        (values(_PROXY, _OIDC), "direct.to: say where config.oidc.issuer is"),
        (
            values(_PROXY, _WEBHOOK),
            "direct.to: say where config.alerts.webhook_url is; it is not reached through the proxy",
        ),
        (values({"metrics": {"prometheusRule": {"enabled": True}}}), "links.runbook: say where your people read"),
        (values({"dashboards": {"enabled": True}}), "links.runbook: say where your people read"),
        (values({"dashboards": {"enabled": True}, "links": {"runbook": "https://a.example"}}), "links.console: say where"),
        (values({"sandbox": {"enabled": True}}), "leave members empty"),
        (
            values({"members": [], "sandbox": {"enabled": True}, "autoscaling": {"enabled": True}}),
            "each pod has a sandbox of its own",
        ),
        (values({"migration": {"existingSecret": ""}}), "migration.existingSecret: name the Secret"),
        (values({"members": [BASE["members"][0]] * 2}), "ads-bot stands there twice"),
        (
            values({"members": [{**BASE["members"][0], "keys": ["refresh_token", "client_secret"]}]}),
            "needs clientId, the key client_secret, and secrets.secret_keys",
        ),
        (values({"members": [{**BASE["members"][0], "keys": ["client_secret"]}]}), "needs access_token or refresh_token"),
        (values({"members": members(1)}), "trial-signups names member ads-bot, which members does not declare"),
        (values({"ingress": {"enabled": True}}), "ingress.host: say"),
        (values({"keda": {"enabled": True}}), "keda.prometheus.serverAddress: say"),
        (values({"keda": {"enabled": True, "scaler": "postgresql"}}), "keda.postgresql.existingSecret: name"),
        (values({"linkedinCa": {"existingConfigMap": "a", "existingSecret": "b"}}), "linkedinCa: set .*, not both"),
    ],
)  # fmt: skip
def test_a_contradiction_is_told_in_one_sentence(given: Values, sentence: str) -> None:
    with pytest.raises(Exception, match=sentence) as refused:
        render(given)
    assert "nil pointer" not in str(refused.value)


def test_the_bare_chart_says_what_it_needs() -> None:
    with pytest.raises(Exception, match=r"image\.repository: say where your registry has the image"):
        render({})


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_that_matters_is_not_refused(name: str) -> None:
    assert render(COMBINATIONS[name]).documents
