"""Typical installations. Each must render, be valid and satisfy the rules of the tests."""

from typing import Any

import yaml

from tests.helm.chart import CHART

HERE: dict[str, Any] = {"name": "here", "kubeconfig": "in-cluster", "azure": "none"}
THROUGH_AZURE: dict[str, Any] = {
    "name": "prod-weu",
    "subscription_id": "0-1",
    "resource_group": "rg-prod-weu",
    "aliases": ["weu"],
}
RULE: dict[str, Any] = {"allow": ["diagnose", "handoff"], "users": ["*"], "clusters": ["*"]}

RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The container security context that the level `restricted` of pod security permits."""

EVERY_SETTING: dict[str, Any] = {
    "podLabels": {"team": "platform", "sidecar.istio.io/inject": "true"},
    "podAnnotations": {"example.com/team": "platform", "example.com/backup": "no"},
    "nodeSelector": {"agentpool": "tools"},
    "tolerations": [{"key": "tools", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "platform",
    "runtimeClassName": "gvisor",
    "imagePullSecrets": [{"name": "mirror"}],
    "dnsPolicy": "None",
    "dnsConfig": {
        "nameservers": ["10.0.0.10"],
        "searches": ["egress-diag.svc.cluster.local"],
        "options": [{"name": "ndots", "value": "2"}],
    },
    "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["registry.corp.example"]}],
    "podSecurityContext": {"runAsUser": 20000, "supplementalGroups": [3000]},
    "containerSecurityContext": {"runAsGroup": 20000},
    "livenessProbe": {"periodSeconds": 60},
    "readinessProbe": {"failureThreshold": 5},
    "startupProbe": {"failureThreshold": 90},
    "extraEnv": [
        {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"},
        {"name": "EGRESS_DIAG_RUN_TIMEOUT", "value": "120"},
    ],
    "envFrom": [{"configMapRef": {"name": "proxy", "optional": True}}],
    "extraVolumes": [
        {
            "name": "vault",
            "csi": {
                "driver": "secrets-store.csi.k8s.io",
                "readOnly": True,
                "volumeAttributes": {"secretProviderClass": "egress-diag"},
            },
        }
    ],
    "extraVolumeMounts": [{"name": "vault", "mountPath": "/mnt/vault", "readOnly": True}],
    "initContainers": [{"name": "wait", "image": "registry.example/busybox", "securityContext": RESTRICTED}],
    "extraContainers": [{"name": "agent", "image": "registry.example/agent", "securityContext": RESTRICTED}],
}
"""Each key of `pod`."""

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
    "an external Redis with an Entra identity": {
        "azure": {"clientId": "11111111-2222-3333-4444-555555555555"},
        "redis": {
            "enabled": False,
            "external": {
                "host": "x.westeurope.redis.azure.net",
                "port": 10000,
                "auth": "entra",
                "clientId": "33333333-4444-5555-6666-777777777777",
            },
        },
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
    "scaled by the queue of an external Redis with a private certificate authority": {
        "redis": {"enabled": False, "external": {"host": "10.0.0.9", "caSecret": "redis-ca"}},
        "worker": {"autoscaling": {"mode": "queue"}},
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
    "with permission to list Secrets everywhere": {"config": {"clusters": [HERE]}, "rbac": {"listSecrets": True}},
    "with permission to list Secrets in two namespaces": {
        "config": {"clusters": [HERE]},
        "rbac": {"secretNamespaces": ["payments", "aks-istio-egress", "payments"]},
    },
    "with permissions in three namespaces only": {
        "config": {"clusters": [{**HERE, "namespaces": ["payments"]}]},
        "rbac": {"namespaces": ["payments", "aks-istio-system", "aks-static-egress-gateway"]},
    },
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
            "serviceMonitor": {
                "enabled": True,
                "scrapeTimeout": "10s",
                "labels": {"release": "prometheus"},
                "annotations": {"example.com/owner": "platform-team"},
                "relabelings": [{"action": "replace", "targetLabel": "cluster", "replacement": "tools"}],
                "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
            },
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Platform"}},
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
    "every setting of pods": {
        "commonLabels": {"cost-center": "4711", "app.kubernetes.io/part-of": "platform"},
        "commonAnnotations": {"example.com/owner": "platform-team"},
        "logLevel": "DEBUG",
        "logFormat": "text",
        "pod": EVERY_SETTING,
        "bot": {"podLabels": {"azure.workload.identity/use": "true"}, "runtimeClassName": "runc"},
        "courier": {"tolerations": [{"key": "spot", "operator": "Exists"}]},
        "worker": {
            "podAnnotations": {"example.com/team": "network"},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 2,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"example.com/team": "network"}},
                }
            ],
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://other-proxy.example:3128"}],
            "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            "livenessProbe": {"exec": {"command": ["true"]}, "timeoutSeconds": 30},
        },
        "beat": {"podSecurityContext": {"fsGroup": 20000}, "priorityClassName": "low"},
        "redis": {"podLabels": {"backup": "daily"}, "startupProbe": {"failureThreshold": 600}},
    },
    "a corporate certificate authority in a ConfigMap": {"caBundle": {"configMap": "corporate-ca", "key": "root.pem"}},
    "a corporate certificate authority in a Secret": {
        "caBundle": {"secret": "corporate-ca"},
        "redis": {"enabled": False, "external": {"host": "cache.example.com", "existingSecret": "cache"}},
    },
    "an internal load balancer": {
        "slack": {"mode": "http"},
        "bot": {
            "service": {
                "type": "LoadBalancer",
                "port": 443,
                "annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
                "labels": {"exposed": "yes"},
                "loadBalancerClass": "example.com/load-balancer",
                "loadBalancerSourceRanges": ["10.0.0.0/8", "fd00::/8"],
                "externalTrafficPolicy": "Local",
            }
        },
    },
    "a port of the nodes": {"slack": {"mode": "http"}, "bot": {"service": {"type": "NodePort", "nodePort": 30080}}},
    "HTTP with an HTTPRoute": {
        "slack": {"mode": "http"},
        "bot": {
            "httpRoute": {
                "enabled": True,
                "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
                "hostnames": ["egress-diag.example.com"],
                "annotations": {"example.com/dns": "egress-diag"},
                "labels": {"exposed": "yes"},
            }
        },
    },
    "an existing volume claim": {"redis": {"persistence": {"existingClaim": "egress-diag-data"}}},
    "further objects": {
        "extraObjects": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "{{ .Release.Name }}-further"},
                "data": {"host": '{{ include "egress-diag.fullname" . }}-bot'},
            },
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-text\nstringData: {a: b}\n",
        ]
    },
    "long names": {"fullnameOverride": "egress-diagnosis-of-the-platform-team-in-west-europe"},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((CHART / "examples").glob("*.yaml"))
}
"""The values of helm/egress-diag/examples."""
MATRIX |= {f"example {name}": values for name, values in EXAMPLES.items()}
