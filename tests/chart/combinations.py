"""The combinations of values that matter, by name: each is rendered, linted, validated and judged by every rule."""

from __future__ import annotations

from tests.chart.rendering import BASE, SEGMENT, Values, members, values

_NO_DATABASE: Values = {"secrets": {"database_url": None}, "migration": {"existingSecret": ""}}
_TRIAL: Values = {**_NO_DATABASE, "members": [], "config": None, "sandbox": {"enabled": True}}
_EIGHT: Values = {
    "members": members(8),
    "config": {"segments": [{**SEGMENT, "key": f"s-{n}", "member": f"bot-{n}"} for n in range(8)]},
}
_MONITORED: Values = {
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "links": {"console": "https://syncd.example.com/", "runbook": "https://wiki.example.com/syncd/runbook"},
    "dashboards": {"enabled": True, "annotations": {"grafana_folder": "CRM"}},
}
_INGRESS: Values = {
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "syncd.example.com",
        "tlsSecret": "syncd-tls",
        "annotations": {"cert-manager.io/cluster-issuer": "internal"},
    }
}
_REFRESHED: Values = {
    "members": [
        {
            "key": "ads-bot",
            "existingSecret": "syncd-ads-bot",
            "keys": ["access_token", "refresh_token", "client_secret"],
            "clientId": "86abcdefghijkl",
            "application": "marketing",
        }
    ],
    "secrets": {"secret_keys": {"existingSecret": "syncd-keys", "key": "secret_keys"}},
}
_PROXIED: Values = {
    "secrets": {"linkedin__proxy": {"existingSecret": "egress", "key": "url"}},
    "linkedinCa": {"existingConfigMap": "company-ca"},
    "databaseCa": {"existingSecret": "database-ca", "key": "ca.crt"},
    "networkPolicy": {
        "proxy": {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "port": 8888},
        "database": {"to": [{"namespaceSelector": {"matchLabels": {"name": "db"}}}], "port": 6432},
    },
}
_RECONCILED: Values = {
    "config": {"segments": [{**SEGMENT, "source": {"query": "select email from people"}, "reconcile": "0 3 * * *"}]},
    "sources": [{"segments": [SEGMENT["key"]], "existingSecret": "crm-replica", "key": "url"}],
    "networkPolicy": {"sources": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}], "port": 3306}]},
}
_SIGNED_IN: Values = {
    "config": {
        "oidc": {"issuer": "https://id.example.com", "client_id": "syncd"},
        "alerts": {"webhook_url": "https://hooks.example.com/syncd"},
    },
    "secrets": {
        name: {"existingSecret": "syncd-others", "key": name} for name in ("oidc__client_secret", "alerts__secret")
    },
}
_KEDA: Values = {**_EIGHT, "keda": {"enabled": True, "maxReplicas": 8, "rowsPerReplica": 5_000_000}}

COMBINATIONS: dict[str, Values] = {
    "the least": BASE,
    "eight replicas": values(_EIGHT, {"replicas": 8}),
    "refreshed tokens": values(_REFRESHED),
    "ingress": values(_INGRESS),
    "ingress without TLS": values(_INGRESS, {"ingress": {"tlsSecret": "", "className": "", "annotations": None}}),
    "monitored": values(_MONITORED),
    "proxy and certificates": values(_PROXIED),
    "sources": values(_RECONCILED),
    "everybody signs in through a proxy": values(
        _INGRESS,
        _PROXIED,
        _SIGNED_IN,
        {"networkPolicy": {"direct": {"to": [{"ipBlock": {"cidr": "203.0.113.0/28"}}], "port": 8443}}},
    ),
    "CPU": values(_EIGHT, {"autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 8}}),
    "KEDA by Prometheus": values(_KEDA, {"keda": {"prometheus": {"serverAddress": "http://prometheus.monitoring:9090"}}}),
    "KEDA by PostgreSQL": values(_KEDA, {"keda": {"scaler": "postgresql", "postgresql": {"existingSecret": "keda"}}}),
    "a digest": values({"image": {"digest": "sha256:" + "a1" * 32, "pullSecrets": ["registry"], "pullPolicy": "Always"}}),
    "paused": values({"pause": {"everything": True}, "autoscaling": {"enabled": True}}),
    "pauses": values({"pause": {"members": ["ads-bot"], "segments": ["trial-signups", "others.old"]}}),
    "SQLite": values(_NO_DATABASE, {"sqlite": {"enabled": True, "storageClass": "fast"}}),
    "SQLite on a claim": values(_NO_DATABASE, {"sqlite": {"enabled": True, "existingClaim": "old"}}),
    "sandbox with the trial's PostgreSQL": values(
        _TRIAL, {"trialPostgresql": {"enabled": True, "storageClass": "fast"}, "sandbox": {"options": ["--clock=3600x"]}}
    ),
    "sandbox with SQLite": values(_TRIAL, {"sqlite": {"enabled": True}}),
    "somebody else's names and nodes": values(
        {
            "fullnameOverride": "audiences",
            "nameOverride": "audience-sync",
            "serviceAccount": {"create": False, "name": "shared"},
            "nodeSelector": {"pool": "crm"},
            "tolerations": [{"key": "crm", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 60}],
            "priorityClassName": "important",
            "podAnnotations": {"a.example.com/b": "1"},
            "podLabels": {"team": "crm"},
        }
    ),
    "migrated by hand, without policies": values(
        {
            "migration": {"enabled": False, "existingSecret": ""},
            "networkPolicy": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
        }
    ),
    "everything": values(
        _EIGHT, _REFRESHED | {"members": members(8)}, _INGRESS, _MONITORED, _PROXIED,
        {"replicas": 3, "pause": {"segments": ["s-1"]}, "config": {"shutdown": {"deadline": 40.5}, "leases": {"ttl": 12.2}}},
    ),
}  # fmt: skip

CHANGES: list[Values] = [
    {"image": {"tag": "0.2.0"}},
    {"image": {"pullPolicy": "Always"}},
    {"image": {"pullSecrets": ["registry"]}},
    {"migration": {"key": "other"}},
    {"secrets": {"database_url": {"key": "other"}}},
    {"secrets": {"linkedin__proxy": {"existingSecret": "egress", "key": "url"}}},
    {"databaseCa": {"existingConfigMap": "ca"}},
    {"serviceAccount": {"name": "another"}},
    {"nodeSelector": {"pool": "crm"}},
    {"tolerations": [{"key": "crm", "operator": "Exists"}]},
    {"priorityClassName": "important"},
    {"nameOverride": "audiences"},
    {"config": {"log": {"level": "debug"}}},
    {"pause": {"segments": ["trial-signups"]}},
    {"members": [{"key": "ads-bot", "existingSecret": "another", "keys": ["access_token"]}]},
    {"resources": {"limits": {"memory": "1Gi"}}},
    {"preStopSeconds": 9},
]
"""Changes of values that somebody makes between two revisions."""
