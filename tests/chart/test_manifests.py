"""Every combination of values renders to documents that Helm's lint and Kubernetes, from 1.30 to the newest, take as they are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.chart.combinations import CHANGES, COMBINATIONS
from tests.chart.reference import HELM as CHART
from tests.chart.rendering import NAMESPACE, RELEASE, Document, Values, containers, render, values
from tests.chart.tools import HELM, KUBERNETES, tool

OTHERS = {"monitoring.coreos.com", "keda.sh"}
EVERY = pytest.mark.parametrize("name", COMBINATIONS)


def newest() -> str:
    version: str = tool(KUBERNETES).latest_version()
    return ".".join(version.split(".")[:2])


@EVERY
def test_helm_finds_nothing_to_complain_about(name: str) -> None:
    for version in ("v1.30.0", f"v{newest()}.0"):
        found = tool(HELM).lint(
            str(CHART), COMBINATIONS[name], strict=True, namespace=NAMESPACE, kube_version=version, quiet=True
        )
        told = [one for one in found.get("messages", []) if "icon is recommended" not in str(one)]
        assert told == []


@EVERY
def test_kubernetes_takes_every_document_strictly(name: str) -> None:
    kubernetes = tool(KUBERNETES)
    ours = [one for one in render(COMBINATIONS[name]).documents if one["apiVersion"].partition("/")[0] not in OTHERS]
    assert len(ours) > 5
    for document in ours:
        for version in ("1.30", newest()):
            kubernetes.validate(document, version, strict=True)


def test_an_unknown_key_and_a_wrong_type_are_seen() -> None:
    kubernetes = tool(KUBERNETES)
    for spoil in ({"replicaz": 1}, {"replicas": "1"}):
        deployment = render(COMBINATIONS["the least"]).one("Deployment")
        deployment["spec"] |= spoil
        with pytest.raises(kubernetes.ValidationError):
            kubernetes.validate(deployment, "1.30", strict=True)


@EVERY
def test_names_are_unique_and_not_too_long_and_nothing_leaves_the_namespace(name: str) -> None:
    documents = render(COMBINATIONS[name], name="a-release-with-a-long-name-of-fifty-three-characters").documents
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    for _, each in names:
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", each)
    assert {one["metadata"].get("namespace", NAMESPACE) for one in documents} == {NAMESPACE}
    assert not {one["kind"] for one in documents} & {
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "Secret",
    }


@EVERY
def test_what_a_pod_refers_to_is_installed_or_named_by_the_values(name: str) -> None:
    rendered = render(COMBINATIONS[name])
    told = repr(COMBINATIONS[name])
    installed = {(one["kind"], one["metadata"]["name"]) for one in rendered.documents}
    for where, pod in rendered.pods():
        for kind, named in references(pod):
            assert (kind, named) in installed or repr(named) in told, f"{where} refers to {kind} {named}"
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        mounts = {mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", [])}
        claimed = {"data"} if "postgresql" in where else set()
        assert mounts == volumes | claimed, where


def references(pod: Document) -> list[tuple[str, str]]:
    found = [("ServiceAccount", pod["serviceAccountName"])]
    for volume in pod.get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            found += [("ConfigMap" if kind == "configMap" else "Secret", one["name"]) for kind, one in source.items()]
        if claim := volume.get("persistentVolumeClaim"):
            found.append(("PersistentVolumeClaim", claim["claimName"]))
    return found


@EVERY
def test_every_selector_meets_the_pods_it_is_meant_for(name: str) -> None:
    rendered = render(COMBINATIONS[name])
    deployment = rendered.one("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in rendered.of("PodDisruptionBudget")]
    selectors += [one["spec"]["selector"] for one in rendered.of("Service") if "clusterIP" not in one["spec"]]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/component"] == "daemon"
    for monitor in rendered.of("ServiceMonitor"):
        service = next(one for one in rendered.of("Service") if "clusterIP" not in one["spec"])
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_value_changes_a_job_and_its_name_or_neither(change: Values) -> None:
    """A Job never changes: an edit of one that is there would be refused, and the release with it."""
    paused = values({"fullnameOverride": "syncd", "pause": {"members": ["ads-bot"]}})

    def jobs(given: Values) -> dict[str, Any]:
        return {one["metadata"]["name"]: one["spec"] for one in render(given).of("Job")}

    before, after = jobs(paused), jobs(values(change, base=paused))
    assert len(before) == len(after) == 2
    assert all(before[name] == after[name] for name in before.keys() & after.keys())


def test_another_revision_or_image_is_another_migration() -> None:
    first = render(COMBINATIONS["the least"]).one("Job")["metadata"]["name"]
    assert first.startswith(f"{RELEASE}-migrate-1-")
    assert render(COMBINATIONS["the least"], revision=2).one("Job")["metadata"]["name"] != first
    assert render(COMBINATIONS["a digest"]).one("Job")["metadata"]["name"] != first
    assert "helm.sh/hook" not in render(COMBINATIONS["the least"]).one("Job")["metadata"].get("annotations", {})


@EVERY
def test_notes_say_the_next_three_commands_and_no_secret(name: str) -> None:
    notes = render(COMBINATIONS[name]).notes
    assert re.findall(r"^(\d)\. ", notes, re.MULTILINE) == ["1", "2", "3"]
    commands = re.findall(r"^ {5}(.*)$", notes, re.MULTILINE)
    assert len(commands) == 3
    assert all(re.search(rf"(kubectl|helm) --namespace {NAMESPACE} ", command) for command in commands)
    assert not re.search(
        r"secret|token|password|syncd-(database|ads-bot|keys)", notes.replace("no password", ""), re.IGNORECASE
    )


def test_an_image_is_named_by_tag_or_by_digest() -> None:
    def image(name: str) -> str:
        found: str = render(COMBINATIONS[name]).pods()[0][1]["containers"][0]["image"]
        return found

    assert image("the least") == "images.example.com/crm/syncd:0.1.0"
    assert image("a digest") == "images.example.com/crm/syncd@sha256:" + "a1" * 32
