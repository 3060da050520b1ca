"""The restricted Pod Security Standard, rule by rule, and what goes beyond it, for every pod of every combination."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.chart.combinations import COMBINATIONS
from tests.chart.rendering import Document, containers, render, values

EVERY = pytest.mark.parametrize("name", COMBINATIONS)
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
METADATA = [ip_address(one) for one in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::a9fe:a9fe")]


def pods(name: str) -> Iterator[tuple[str, Document]]:
    found = render(COMBINATIONS[name]).pods()
    assert found
    yield from found


def each_container(name: str) -> Iterator[tuple[str, Document]]:
    for where, pod in pods(name):
        yield from ((f"{where}: {container['name']}", container) for container in containers(pod))


@EVERY
def test_no_pod_shares_anything_of_its_host(name: str) -> None:
    for where, pod in pods(name):
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.keys(), where
        for container in containers(pod):
            assert not [port for port in container.get("ports", []) if "hostPort" in port], where


@EVERY
def test_volumes_are_of_the_allowed_kinds_and_emptied_ones_have_a_limit(name: str) -> None:
    for where, pod in pods(name):
        for volume in pod.get("volumes", []):
            kinds = volume.keys() - {"name"}
            assert kinds <= VOLUMES, where
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": 1}), where


@EVERY
def test_every_container_runs_as_an_ordinary_user(name: str) -> None:
    for where, pod in pods(name):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, where
        assert security["runAsUser"] > 0, where
        assert security["runAsGroup"] > 0, where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"seLinuxOptions", "sysctls", "windowsOptions", "supplementalGroups"} & security.keys(), where


@EVERY
def test_every_container_drops_all_and_gains_nothing(name: str) -> None:
    for where, container in each_container(name):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, where
        assert security["privileged"] is False, where
        assert security["runAsNonRoot"] is True, where
        assert security.get("runAsUser", 1) > 0, where
        assert security["capabilities"] == {"drop": ["ALL"]}, where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert security["readOnlyRootFilesystem"] is True, where
        assert not {"procMount", "seLinuxOptions"} & security.keys(), where


@EVERY
def test_every_container_says_what_it_needs_and_may_take(name: str) -> None:
    for where, container in each_container(name):
        resources = container["resources"]
        assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys(), where
        assert {"memory", "ephemeral-storage"} <= resources["limits"].keys(), where


@EVERY
def test_no_pod_has_a_token_of_the_api_server_or_hears_of_services(name: str) -> None:
    rendered = render(COMBINATIONS[name])
    for where, pod in rendered.pods():
        assert pod["automountServiceAccountToken"] is False, where
        assert pod["enableServiceLinks"] is False, where
        sources = [one for volume in pod.get("volumes", []) for one in volume.get("projected", {}).get("sources", [])]
        assert not [source for source in sources if "serviceAccountToken" in source], where
    assert all(one["automountServiceAccountToken"] is False for one in rendered.of("ServiceAccount"))


@EVERY
def test_secrets_are_mounted_for_the_group_alone_and_stand_in_no_variable(name: str) -> None:
    for where, pod in pods(name):
        for volume in pod.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [])
            if volume["name"] == "secrets":
                assert volume["projected"]["defaultMode"] == 0o440, where
                assert sources, where
        for container in containers(pod):
            assert "envFrom" not in container, where
            for variable in container.get("env", []):
                assert "valueFrom" not in variable, where
            assert not [mount for mount in container.get("volumeMounts", []) if "subPath" in mount], where


def test_the_migration_sees_its_own_role_and_nothing_else() -> None:
    name = "everything"
    rendered = render(COMBINATIONS[name])
    pod = rendered.one("Job", "")["spec"]["template"]["spec"] if len(rendered.of("Job")) == 1 else migrating(name)
    (volume,) = [one for one in pod["volumes"] if one["name"] == "secrets"]
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "syncd-database", "items": [{"key": "migrator", "path": "database_url"}]}}
    ]
    assert {one["name"] for one in pod["containers"][0]["env"]} == {"SYNCD_DATABASE_URL_FILE", "PGSSLROOTCERT"}
    daemon = rendered.one("Deployment")["spec"]["template"]["spec"]
    assert "migrator" not in repr(daemon)


def migrating(name: str) -> Document:
    jobs = render(COMBINATIONS[name]).of("Job")
    found: Document = next(one for one in jobs if "-migrate-" in one["metadata"]["name"])["spec"]["template"]["spec"]
    return found


# --- the network ----------------------------------------------------------------------------------------------------


def policies(name: str) -> list[Document]:
    found = render(COMBINATIONS[name]).of("NetworkPolicy")
    assert found or "policies" in name
    return found


def reachable(policy: Document, component: str) -> list[tuple[Any, Any]]:
    """Peer and port of everything that pods of a component may reach by a policy."""
    selector = policy["spec"]["podSelector"]
    wanted = selector.get("matchLabels", {}).get("app.kubernetes.io/component")
    among = [one["values"] for one in selector.get("matchExpressions", [])]
    if wanted not in (None, component) or any(component not in one for one in among):
        return []
    rules = policy["spec"].get("egress", [])
    return [(peer, port["port"]) for rule in rules for peer in rule["to"] for port in rule["ports"]]


@EVERY
def test_nothing_is_allowed_that_no_rule_allows(name: str) -> None:
    found = policies(name)
    if not found:
        return
    (deny,) = [one for one in found if "egress" not in one["spec"] and "ingress" not in one["spec"]]
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert set(deny["spec"]["podSelector"]["matchLabels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    for policy in found:
        for rule in policy["spec"].get("egress", []):
            assert rule["to"], policy
            assert rule["ports"], policy
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"], policy
            assert rule["ports"], policy


@EVERY
def test_no_metadata_service_can_be_reached(name: str) -> None:
    for policy in policies(name):
        for component in ("daemon", "migrate", "pause", "test", "postgresql"):
            for peer, _ in reachable(policy, component):
                block = peer.get("ipBlock")
                if block is None:
                    continue
                for address in METADATA:
                    inside = address in ip_network(block["cidr"])
                    assert not inside or any(address in ip_network(one) for one in block.get("except", [])), block


def test_a_daemon_reaches_names_the_database_and_the_open_internet() -> None:
    found = [one for policy in policies("the least") for one in reachable(policy, "daemon")]
    assert sorted({port for _, port in found}) == [53, 443, 5432, 8080]
    private = ip_address("10.0.0.1")
    for peer, port in found:
        if port == 443:
            block = peer["ipBlock"]
            assert private.version != ip_network(block["cidr"]).version or any(
                private in ip_network(one) for one in block["except"]
            )


def test_a_migration_reaches_names_and_the_database_only() -> None:
    found = [one for policy in policies("the least") for one in reachable(policy, "migrate")]
    assert sorted({port for _, port in found}) == [53, 5432]


def test_a_proxy_is_the_only_way_out_where_there_is_one() -> None:
    found = [one for policy in policies("proxy and certificates") for one in reachable(policy, "daemon")]
    assert ({"ipBlock": {"cidr": "10.1.2.3/32"}}, 8888) in found
    assert 443 not in {port for _, port in found}
    assert {port for peer, port in found if "namespaceSelector" in peer} == {53, 6432}


def test_whoever_knows_no_proxy_is_reached_beside_it() -> None:
    found = [one for policy in policies("everybody signs in through a proxy") for one in reachable(policy, "daemon")]
    assert ({"ipBlock": {"cidr": "203.0.113.0/28"}}, 8443) in found
    assert 443 not in {port for _, port in found}


def test_a_reconcile_reaches_its_source_and_a_migration_does_not() -> None:
    def found(component: str) -> list[tuple[Any, Any]]:
        return [one for policy in policies("sources") for one in reachable(policy, component)]

    assert ({"ipBlock": {"cidr": "10.9.0.0/24"}}, 3306) in found("daemon")
    assert 3306 not in {port for _, port in found("migrate")}


def test_a_sandbox_needs_nobody_outside() -> None:
    found = [one for policy in policies("sandbox with SQLite") for one in reachable(policy, "daemon")]
    assert {port for _, port in found} == {53, 8080}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("the least", {9090: ["monitoring"]}), ("ingress", {8080: ["ingress-nginx"], 9090: ["monitoring"]})],
)
def test_only_ingress_prometheus_and_tests_come_in(name: str, expected: dict[int, list[str]]) -> None:
    (policy,) = [one for one in policies(name) if one["metadata"]["name"].endswith("-daemon-in")]
    met: dict[int, list[str]] = {}
    for rule in policy["spec"]["ingress"]:
        for peer in rule["from"]:
            if "namespaceSelector" in peer:
                (port,) = rule["ports"]
                labels = peer["namespaceSelector"]["matchLabels"]
                met.setdefault(port["port"], []).append(labels["kubernetes.io/metadata.name"])
            else:
                assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"
    assert met == expected


def test_the_trials_database_is_reached_by_its_release_alone() -> None:
    name = "sandbox with the trial's PostgreSQL"
    (policy,) = [one for one in policies(name) if one["metadata"]["name"].endswith("-postgresql-in")]
    (rule,) = policy["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer.keys() == {"podSelector"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "syncd"
    assert not [one for each in policies(name) for one in reachable(each, "postgresql")]


def test_a_trial_without_policies_is_refused() -> None:
    given = values({"networkPolicy": {"enabled": False}}, base=COMBINATIONS["sandbox with the trial's PostgreSQL"])
    with pytest.raises(Exception, match=r"leave networkPolicy\.enabled true"):
        render(given)
