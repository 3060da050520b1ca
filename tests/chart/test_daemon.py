"""What the chart tells the daemon, and how its pods begin, end and are replaced."""

from __future__ import annotations

import math
import operator
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.linkedin.transport import Transport
from syncd.observe import health
from syncd.operations import voices
from syncd.settings import Settings, catalogue, load
from tests.chart.combinations import COMBINATIONS
from tests.chart.rendering import Document, Values, containers, render, values

EVERY = pytest.mark.parametrize("name", COMBINATIONS)
KEY = "A" * 43 + "="


def daemon(name: str) -> Document:
    spec: Document = render(COMBINATIONS[name]).one("Deployment")["spec"]
    return spec


def environment(container: Document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("env", [])}


def laid_out(given: Values, folder: Path) -> tuple[dict[str, str], str]:
    """The daemon's environment and file with every mounted file under a folder of the test's, as the kubelet would."""
    rendered = render(given)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    maps = {one["metadata"]["name"]: one["data"] for one in rendered.of("ConfigMap")}
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        for source in volumes[mount["name"]].get("projected", {}).get("sources", []):
            ((_, one),) = source.items()
            for item in one["items"]:
                file = folder / mount["mountPath"].lstrip("/") / item["path"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(maps.get(one["name"], {}).get(item["key"]) or secret(item["path"]))
    env = {key: _under(folder, value) for key, value in environment(container).items()}
    text = _under(folder, (folder / "etc/syncd/syncd.yaml").read_text())
    Path(env["SYNCD_CONFIG"]).write_text(text)
    return env, text


def secret(path: str) -> str:
    return {
        "database_url": "postgresql+asyncpg://daemon@db/crm?ssl=verify-full",
        "secret_keys": KEY,
        "linkedin__proxy": "http://proxy.internal:8888",
        "erasure__key": KEY,
        "sources/trial-signups": "mysql://reader@replica/crm",
    }.get(path, "opaque and long enough")


def _under(folder: Path, text: str) -> str:
    for root in ("/etc/syncd", "/run/secrets/syncd", "/var/lib/syncd"):
        text = text.replace(root, f"{folder}{root}")
    return text


@EVERY
def test_syncd_reads_the_configuration_that_the_chart_writes(name: str, tmp_path: Path) -> None:
    (tmp_path / "var/lib/syncd").mkdir(parents=True)
    env, _ = laid_out(COMBINATIONS[name], tmp_path)
    settings = load({key: value for key, value in env.items() if key.startswith("SYNCD_")})
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 8080)
    assert (settings.metrics.host, settings.metrics.port) == ("0.0.0.0", 9090)
    assert settings.members
    assert len(settings.segments) >= 1
    told = COMBINATIONS[name]
    if "secrets" in told and "secret_keys" in told["secrets"]:
        assert settings.secret_keys
    if "linkedin__proxy" in told.get("secrets", {}):
        assert settings.linkedin.proxy is not None
    if told.get("ingress", {}).get("enabled"):
        scheme = "https" if told["ingress"]["tlsSecret"] else "http"
        assert settings.http.public_url == f"{scheme}://syncd.example.com"


def test_every_secret_of_the_settings_has_a_place(tmp_path: Path) -> None:
    """By the settings' model: what stands by itself is among `secrets`, what stands in a list is mounted for its entry."""
    by_itself = {name.replace(".", "__"): {"existingSecret": "s", "key": name} for name in catalogue.secrets()}
    given = values(COMBINATIONS["sources"], COMBINATIONS["refreshed tokens"] | {"config": {}}, {"secrets": by_itself})
    env, _ = laid_out(given, tmp_path)
    settings = load({key: value for key, value in env.items() if key.startswith("SYNCD_")})
    unset = [name for name in catalogue.secrets() if not operator.attrgetter(name)(settings)]
    assert unset == []
    (member,), (segment,) = settings.members, settings.segments
    assert member.access_token_file
    assert member.refresh_token_file
    assert member.client_secret_file
    assert segment.source is not None
    assert segment.source.url() == "mysql+aiomysql://reader@replica/crm"
    in_lists = {one.name for one in catalogue.describe() if "[]" in one.name and one.type in {"secret", "file"}}
    assert in_lists == {
        *(f"members[].{name}_file" for name in ("access_token", "refresh_token", "client_secret")),
        *("segments[].source.database_url", "segments[].source.database_url_file"),
    }, "a new one needs a place in the chart"


def test_certificates_of_a_proxy_are_where_the_configuration_says(tmp_path: Path) -> None:
    env, _ = laid_out(COMBINATIONS["proxy and certificates"], tmp_path)
    settings = load({key: value for key, value in env.items() if key.startswith("SYNCD_")})
    assert settings.linkedin.ca_file == tmp_path / "etc/syncd/linkedin-ca.pem"
    assert Path(env["PGSSLROOTCERT"]).is_file()


def test_the_sandbox_is_on_the_loopback_that_syncd_allows_plain_http_on(tmp_path: Path) -> None:
    (tmp_path / "var/lib/syncd").mkdir(parents=True)
    env, _ = laid_out(COMBINATIONS["sandbox with SQLite"], tmp_path)
    settings = load({key: value for key, value in env.items() if key.startswith("SYNCD_")})
    assert settings.linkedin.base_url == "http://127.0.0.1:8900/rest"
    assert isinstance(voices.transport(settings), Transport)
    assert settings.members[0].access_token_file is not None
    assert settings.members[0].access_token_file.read_text() == "sandbox-token"
    (sandbox,) = [
        one for one in daemon("sandbox with SQLite")["template"]["spec"]["initContainers"] if one["name"] == "sandbox"
    ]
    assert sandbox["restartPolicy"] == "Always"
    assert "--port=8900" in sandbox["args"]


def test_no_value_of_the_file_is_a_secret() -> None:
    text = render(COMBINATIONS["everything"]).one("ConfigMap", "syncd")["data"]["syncd.yaml"]
    assert "proxy" not in text
    assert "database_url" not in text
    assert "secret_keys" not in text


def test_pods_are_replaced_when_the_configuration_changes_and_only_then() -> None:
    def checksum(*changes: dict[str, Any]) -> str:
        spec = render(values(*changes)).one("Deployment")["spec"]["template"]["metadata"]["annotations"]
        found: str = spec["checksum/config"]
        return found

    assert checksum() == checksum({"replicas": 1, "resources": {"limits": {"memory": "1Gi"}}})
    assert checksum() != checksum({"config": {"log": {"level": "debug"}}})
    assert checksum() != checksum(
        {"members": [{"key": "ads-bot", "existingSecret": "o", "keys": ["access_token"], "application": "b"}]}
    )


@EVERY
def test_a_pod_has_time_to_drain_before_it_is_killed(name: str) -> None:
    pod = daemon(name)["template"]["spec"]
    (container,) = pod["containers"]
    text = yaml.safe_load(render(COMBINATIONS[name]).of("ConfigMap")[0]["data"]["syncd.yaml"])
    deadline = text.get("shutdown", {}).get("deadline", Settings().shutdown.deadline)
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    closing = 2 * health.PATIENCE
    assert pod["terminationGracePeriodSeconds"] >= waits + math.ceil(deadline) + closing + 5


def test_a_longer_drain_gets_a_longer_grace() -> None:
    def grace(**changes: Any) -> int:
        found: int = render(values(changes)).one("Deployment")["spec"]["template"]["spec"][
            "terminationGracePeriodSeconds"
        ]
        return found

    assert grace() == 45
    assert grace(config={"shutdown": {"deadline": 40.5}}) == 61
    assert grace(preStopSeconds=20) == 60


@EVERY
def test_probes_ask_what_they_are_for(name: str) -> None:
    (container,) = daemon(name)["template"]["spec"]["containers"]
    asked = {key: container[f"{key}Probe"]["httpGet"] for key in ("startup", "liveness", "readiness")}
    assert {key: one["path"] for key, one in asked.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8080, "metrics": 9090}
    assert {one["port"] for one in asked.values()} == {"http"}


@EVERY
def test_a_rollout_never_takes_a_ready_pod_away_first_except_where_there_may_be_one_only(name: str) -> None:
    spec = daemon(name)
    told = COMBINATIONS[name]
    alone = told.get("sqlite", {}).get("enabled") or told.get("sandbox", {}).get("enabled")
    if alone:
        assert spec["strategy"] == {"type": "Recreate"}
        assert spec["replicas"] == 1
    else:
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        ttl = told["config"].get("leases", {}).get("ttl", Settings().leases.ttl)
        assert spec["minReadySeconds"] == math.ceil(ttl)


def test_an_autoscaler_decides_alone_and_a_pause_stands_over_it() -> None:
    for name, kind in (("CPU", "HorizontalPodAutoscaler"), ("KEDA by Prometheus", "ScaledObject")):
        assert "replicas" not in daemon(name), name
        assert render(COMBINATIONS[name]).of(kind), name
    assert daemon("paused")["replicas"] == 0
    assert not render(COMBINATIONS["paused"]).of("HorizontalPodAutoscaler")
    assert daemon("eight replicas")["replicas"] == 8


def test_replicas_spread_over_zones_and_nodes() -> None:
    spread = daemon("eight replicas")["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {one["maxSkew"] for one in spread} == {1}


def test_sqlite_is_migrated_in_its_pod_and_kept_when_the_release_goes() -> None:
    rendered = render(COMBINATIONS["SQLite"])
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]
    assert [one["args"] for one in pod["initContainers"]] == [["migrate"]]
    assert not rendered.of("Job")
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert environment(pod["containers"][0])["SYNCD_DATABASE_URL"] == "sqlite+aiosqlite:////var/lib/syncd/syncd.db"
    existing = render(COMBINATIONS["SQLite on a claim"])
    assert not existing.of("PersistentVolumeClaim")
    assert existing.one("Deployment")["spec"]["template"]["spec"]["volumes"][-1]["persistentVolumeClaim"] == {
        "claimName": "old"
    }


def test_pauses_are_commands_of_a_job_of_the_revision() -> None:
    jobs = render(COMBINATIONS["pauses"]).of("Job")
    (job,) = [one for one in jobs if "-pause-" in one["metadata"]["name"]]
    found = [one["args"] for one in containers(job["spec"]["template"]["spec"])]
    assert found == [
        ["members", "pause", "ads-bot"],
        ["segments", "pause", "trial-signups"],
        ["segments", "pause", "others.old"],
    ]


def test_helm_test_checks_point_by_point_and_that_somebody_is_ready() -> None:
    pods = render(COMBINATIONS["the least"]).of("Pod")
    assert all(pod["metadata"]["annotations"]["helm.sh/hook"] == "test" for pod in pods)
    told = {container["name"]: container for pod in pods for container in pod["spec"]["containers"]}
    assert told["check"]["args"] == ["check"]
    assert "http://syncd:8080/readyz" in told["ready"]["args"][0]
    compile(told["ready"]["args"][0], "ready", "exec")
