"""Typical installations. Each must render, be valid and satisfy the rules of the tests."""

from typing import Any

HERE: dict[str, Any] = {"name": "here", "kubeconfig": "in-cluster", "azure": "none"}
THROUGH_AZURE: dict[str, Any] = {
    "name": "prod-weu",
    "subscription_id": "0-1",
    "resource_group": "rg-prod-weu",
    "aliases": ["weu"],
}
RULE: dict[str, Any] = {"allow": ["diagnose", "handoff"], "users": ["*"], "clusters": ["*"]}

MATRIX: dict[str, dict[str, Any]] = {
    "only required values": {},
    "this cluster, with Socket Mode": {"config": {"clusters": [HERE], "access": [RULE]}},
    "HTTP with an Ingress": {
        "slack": {"mode": "http"},
        "bot": {
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "host": "egress-diag.example.com",
                "tlsSecret": "egress-diag-tls",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "10"},
            }
        },
        "networkPolicy": {
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]
        },
    },
    "alerts in Socket Mode": {
        "alerts": {"existingSecret": "egress-diag-alerts"},
        "networkPolicy": {
            "alertsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
        },
        "config": {
            "clusters": [HERE],
            "access": [RULE],
            "alerts": [
                {
                    "match": {"alertname": "EgressGateway.*"},
                    "cluster": "{{cluster}}",
                    "gateway": "{{namespace}}/{{service}}",
                    "channel": "C0123456789",
                }
            ],
        },
    },
    "a fleet with credentials from Azure": {
        "azure": {
            "clientId": "11111111-2222-3333-4444-555555555555",
            "tenantId": "66666666-7777-8888-9999-000000000000",
        },
        "config": {
            "clusters": [THROUGH_AZURE],
            "access": [RULE],
            "digests": [],
            "retention": {"runs": "30d", "evidence": "7d"},
            "ask": "#platform-team",
        },
    },
    "an external Redis with TLS": {
        "redis": {
            "enabled": False,
            "external": {
                "host": "cache.example.com",
                "username": "bot",
                "existingSecret": "cache",
                "existingSecretKey": "key",
            },
        }
    },
    "an external Redis with a private certificate authority and no password": {
        "redis": {
            "enabled": False,
            "external": {"host": "10.0.0.9", "port": 6379, "database": 3, "caSecret": "redis-ca"},
        }
    },
    "an external Redis without TLS": {
        "redis": {"enabled": False, "external": {"host": "redis.data.svc", "port": 6379, "tls": False}}
    },
    "a password from an existing Secret": {"redis": {"existingSecret": "vault-redis", "existingSecretKey": "password"}},
    "scaled by CPU": {"worker": {"autoscaling": {"mode": "cpu", "maxReplicas": 10}}},
    "scaled by the queue": {"worker": {"autoscaling": {"mode": "queue"}}},
    "scaled by the queue of an external Redis": {
        "redis": {
            "enabled": False,
            "external": {"host": "cache.example.com", "database": 2, "username": "bot", "existingSecret": "cache"},
        },
        "worker": {"autoscaling": {"mode": "queue", "targetQueue": 8}},
        "keyPrefix": "blue:",
    },
    "tokens in the values": {"slack": {"existingSecret": "", "botToken": "xoxb-made-up", "appToken": "xapp-made-up"}},
    "a signing secret in the values": {
        "slack": {"mode": "http", "existingSecret": "", "botToken": "xoxb-made-up", "signingSecret": "made up"}
    },
    "kubeconfigs from a Secret": {
        "worker": {"kubeconfigSecret": "kubeconfigs", "concurrency": 8},
        "config": {
            "clusters": [
                {"name": "old", "kubeconfig": "/etc/egress-diag-kubeconfig/old", "context": "old", "azure": "none"}
            ]
        },
    },
    "an existing ConfigMap": {"existingConfigMap": "my-config", "rbac": {"inCluster": True}},
    "existing service accounts": {
        "serviceAccounts": {
            "worker": {"create": False, "name": "diag-worker"},
            "bot": {"create": False, "name": "diag-bot"},
        },
        "config": {"clusters": [HERE]},
    },
    "only roles and bindings": {
        "rbacOnly": True,
        "rbac": {"subjects": [{"kind": "User", "name": "99999999-8888-7777-6666-555555555555"}]},
    },
    "with probe and restart": {
        "config": {
            "clusters": [HERE],
            "access": [{**RULE, "allow": ["diagnose", "probe", "restart"]}],
            "probe": {"namespaces": ["aks-istio-egress", "payments"], "approvals": 2},
        },
        "actions": {"enabled": True},
        "rbac": {"probe": {"namespaces": ["aks-istio-egress", "payments"]}, "restart": {"namespaces": ["payments"]}},
    },
    "active steps with credentials from Azure": {
        "azure": {
            "clientId": "11111111-2222-3333-4444-555555555555",
            "tenantId": "66666666-7777-8888-9999-000000000000",
        },
        "config": {"clusters": [THROUGH_AZURE], "access": [RULE], "probe": {"namespaces": ["payments"]}},
        "actions": {
            "enabled": True,
            "replicas": 2,
            "azureClientId": "22222222-3333-4444-5555-666666666666",
            "kubeconfigSecret": "action-kubeconfigs",
        },
    },
    "only roles and bindings, with active steps": {
        "rbacOnly": True,
        "rbac": {
            "subjects": [{"kind": "User", "name": "99999999-8888-7777-6666-555555555555"}],
            "actionSubjects": [{"kind": "User", "name": "22222222-3333-4444-5555-666666666666"}],
            "probe": {"namespaces": ["payments"]},
            "restart": {"namespaces": ["payments", "aks-istio-egress"]},
        },
    },
    "without permission to list Secrets": {"config": {"clusters": [HERE]}, "rbac": {"listSecrets": False}},
    "with the counters of the proxies": {
        "config": {"clusters": [{**HERE, "metrics": "pods"}]},
        "rbac": {"readProxyCounters": True},
    },
    "one replica of each": {"bot": {"replicas": 1}, "courier": {"replicas": 1}, "worker": {"replicas": 1}},
    "a small cluster without extras": {
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "redis": {"persistence": {"enabled": False}},
    },
    "node placement and monitoring": {
        "image": {
            "digest": "sha256:" + "a" * 64,
            "pullPolicy": "Always",
            "pullSecrets": [{"name": "registry"}],
        },
        "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True},
        },
        "networkPolicy": {
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
        },
        "worker": {
            "nodeSelector": {"agentpool": "tools"},
            "tolerations": [{"key": "tools", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "priorityClassName": "high",
            "podAnnotations": {"example.com/team": "platform"},
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        },
        "redis": {"persistence": {"storageClass": "managed-csi-premium", "size": "8Gi"}},
    },
    "long names": {"fullnameOverride": "egress-diagnosis-of-the-platform-team-in-west-europe"},
}
