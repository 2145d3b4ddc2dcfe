"""Values that helm refuses, with the key to change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.config.configuration_file import ConfigError, parse
from tests.helm.chart import CHART, KUBERNETES, LEAST, Json, helm, merged, named, of_kind, refusal, rendered
from tests.helm.matrix import HERE, MATRIX, THROUGH_AZURE
from tests.helm.values_schema import SCHEMA, described

pytestmark = pytest.mark.slow  # make check runs only fast tests

USER: Json = {"kind": "User", "name": "99999999-8888-7777-6666-555555555555"}
REFUSED: dict[str, tuple[Json, str]] = {
    "an unknown key": ({"slack": {"existingsecret": "x"}}, "existingsecret"),
    "an unknown mode": ({"slack": {"mode": "websocket"}}, "mode"),
    "no image": ({"image": {"repository": ""}}, "image.repository is missing"),
    "no tokens": ({"slack": {"existingSecret": ""}}, "Slack's tokens are missing"),
    "no signing secret": (
        {"slack": {"existingSecret": "", "mode": "http", "botToken": "xoxb-1"}},
        "slack.signingSecret is missing",
    ),
    "a token of the wrong kind": ({"slack": {"existingSecret": "", "botToken": "xapp-1"}}, "botToken"),
    "no external Redis": ({"redis": {"enabled": False}}, "redis.external.host is missing"),
    "a cluster without a name": ({"config": {"clusters": [{"kubeconfig": "in-cluster"}]}}, "name"),
    "an unknown permission": ({"config": {"access": [{"allow": ["root"], "users": ["*"]}]}}, "allow"),
    "an unknown key of a cluster": ({"config": {"clusters": [{**THROUGH_AZURE, "region": "weu"}]}}, "region"),
    "no replicas": ({"bot": {"replicas": 0}}, "replicas"),
    "a key prefix that egress-diag does not accept": ({"keyPrefix": "a b"}, "keyPrefix"),
    "Entra without TLS": (
        {"redis": {"enabled": False, "external": {"host": "x", "auth": "entra", "tls": False}}},
        "redis.external.auth is entra, which needs TLS",
    ),
    "Entra and a password": (
        {"redis": {"enabled": False, "external": {"host": "x", "auth": "entra", "existingSecret": "cache"}}},
        "redis.external.auth is entra, and redis.external.existingSecret names a password",
    ),
    "Entra and KEDA": (
        {
            "redis": {"enabled": False, "external": {"host": "x", "auth": "entra"}},
            "worker": {"autoscaling": {"mode": "queue"}},
        },
        "KEDA cannot sign in to Redis with Entra",
    ),
    "a certificate authority in two objects": (
        {"caBundle": {"configMap": "a", "secret": "b"}},
        "caBundle.configMap and caBundle.secret are both set",
    ),
    "a configuration that the chart cannot read": (
        {"existingConfigMap": "mine"},
        "the ConfigMap mine with the key config.yaml could not be read",
    ),
    "an HTTPRoute without a Gateway": (
        {"slack": {"mode": "http"}, "bot": {"httpRoute": {"enabled": True, "hostnames": ["a.example"]}}},
        "bot.httpRoute.parentRefs is missing",
    ),
    "an HTTPRoute without a host": (
        {"slack": {"mode": "http"}, "bot": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}}},
        "bot.httpRoute.hostnames is missing",
    ),
    "an unknown setting of a component": ({"beat": {"nodeselector": {}}}, "nodeselector"),
    "a label that is not a string": ({"commonLabels": {"a": 1}}, "commonLabels"),
    "an Ingress without a host": (
        {"slack": {"mode": "http"}, "bot": {"ingress": {"enabled": True}}},
        "bot.ingress.host is missing",
    ),
    "roles without subjects": ({"rbacOnly": True}, "rbac.subjects"),
    "probes without an action worker": (
        {"config": {"clusters": [HERE]}, "rbac": {"probe": {"namespaces": ["x"]}}},
        "rbac.probe.namespaces is set, but no subject takes active steps in this cluster",
    ),
    "restarts in another cluster without subjects": (
        {"rbacOnly": True, "rbac": {"subjects": [USER], "restart": {"namespaces": ["x"]}}},
        "rbac.restart.namespaces is set, but no subject takes active steps in this cluster",
    ),
    "an action worker without settings": ({"actions": {"enabled": True}}, "config.probe is missing"),
    "an action worker with the workers' account": (
        {
            "actions": {"enabled": True},
            "config": {"probe": {"namespaces": ["x"]}},
            "serviceAccounts": {"actions": {"create": False, "name": "egress-diag-worker"}},
        },
        "the action worker needs an account of its own",
    ),
    "no name of an existing account of the action worker": (
        {
            "actions": {"enabled": True},
            "config": {"probe": {"namespaces": ["x"]}},
            "serviceAccounts": {"actions": {"create": False}},
        },
        "serviceAccounts.actions.name is missing",
    ),
    "a pattern of namespaces": ({"config": {"probe": {"namespaces": ["team-*"]}}}, "namespaces"),
    "three people": ({"config": {"probe": {"approvals": 3}}}, "approvals"),
    "no name of an existing account": (
        {"serviceAccounts": {"worker": {"create": False}}},
        "serviceAccounts.worker.name is missing",
    ),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_invalid_values_are_refused_and_the_message_names_the_key(values: Json, message: str) -> None:
    assert message in refusal(merged(LEAST, values))


# values that an API server, an operator or a process would refuse later

VALID_PEER: Json = {"ipBlock": {"cidr": "10.0.0.0/8"}}
CERTIFICATE: Json = {"name": "a", "secret": {"secretName": "a"}}
AT_THE_SERVER: list[tuple[str, Any]] = [
    ("fullnameOverride", "Egress_Diag"),
    ("fullnameOverride", "5g-egress"),
    ("fullnameOverride", "egress.diag"),
    ("fullnameOverride", "e" * 64),
    ("nameOverride", "a.b"),
    ("image.repository", "registry.example/egress diag"),
    ("image.repository", "registry.example/egress-diag:0.2.0"),
    ("image.repository", "registry.example/egress-diag@sha256:" + "a" * 64),
    ("image.repository", "https://registry.example/egress-diag"),
    ("image.repository", "registry.example/Egress-Diag"),
    ("image.tag", "0.2.0 "),
    ("image.tag", "v0.2.0@sha256:" + "a" * 64),
    ("image.tag", 0.2),
    ("image.digest", "sha256:abc"),
    ("image.pullSecrets", ["registry"]),
    ("redis.image", "valkey: 9"),
    ("redis.image", "valkey:9@sha256:abc"),
    ("redis.persistence.size", "2 Gi"),
    ("redis.persistence.size", "2GB"),
    ("redis.persistence.size", "large"),
    ("redis.persistence.size", 0),
    ("redis.persistence.storageClass", "Premium SSD"),
    ("redis.persistence.existingClaim", "a..b"),
    ("redis.external.host", "rediss://cache.example.com"),
    ("redis.external.host", "cache.example.com:6380"),
    ("redis.external.username", "bot@tenant"),
    ("redis.external.port", 65536),
    ("redis.existingSecretKey", "a/b"),
    ("worker.resources.limits.memory", "1.5 GiB"),
    ("worker.resources.limits.memory", "1536MB"),
    ("worker.resources.requests.cpu", "half"),
    ("worker.resources.requests.cpu", -1),
    ("worker.resources.limits.ephemeral-storage", "1Gib"),
    ("worker.autoscaling.targetCpu", 0),
    ("worker.autoscaling.kedaNamespace", "keda.system"),
    ("worker.autoscaling.kedaNamespace", ""),
    ("bot.service.port", 0),
    ("bot.service.nodePort", 80),
    ("bot.service.loadBalancerSourceRanges", ["10.0.0.0"]),
    ("bot.service.loadBalancerSourceRanges", ["10.0.0.0/33"]),
    ("bot.service.loadBalancerSourceRanges", ["300.0.0.0/8"]),
    ("bot.service.loadBalancerClass", "internal load balancer"),
    ("bot.ingress.host", "https://egress-diag.example.com"),
    ("bot.ingress.host", "egress-diag.example.com/slack"),
    ("bot.ingress.className", "Nginx Class"),
    ("bot.httpRoute.hostnames", ["egress-diag.example.com:443"]),
    ("bot.httpRoute.parentRefs", [{"name": "public", "gateway": "x"}]),
    ("commonLabels", {"team": "platform team"}),
    ("commonLabels", {"team": "x" * 64}),
    ("commonLabels", {"the team": "platform"}),
    ("commonAnnotations", {"the team": "platform"}),
    ("pod.podLabels", {"team": "a/b"}),
    ("pod.podAnnotations", {"a/b/c": "x"}),
    ("pod.nodeSelector", {"agentpool": "a b"}),
    ("monitoring.serviceMonitor.labels", {"release": "kube prometheus"}),
    ("monitoring.serviceMonitor.interval", "30"),
    ("monitoring.serviceMonitor.interval", "30 s"),
    ("pod.tolerations", [{"key": "a", "operator": "Exist"}]),
    ("pod.tolerations", [{"key": "a", "operator": "Exists", "value": "b"}]),
    ("pod.tolerations", [{"effect": "NoSchedule"}]),
    ("pod.tolerations", [{"key": "a", "operator": "Exists", "effect": "Never"}]),
    ("pod.affinity", {"nodeAffinities": {}}),
    ("pod.topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
    ("pod.topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Never"}]),
    ("pod.priorityClassName", "High"),
    ("pod.dnsConfig", {"nameservers": ["dns.example.com"]}),
    ("pod.dnsConfig", {"nameservers": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]}),
    ("pod.dnsConfig", {"options": [{"name": "ndots", "value": 2}]}),
    ("pod.hostAliases", [{"ip": "registry", "hostnames": ["registry.example"]}]),
    ("pod.hostAliases", [{"ip": "10.0.0.1", "hostnames": ["registry_example/"]}]),
    ("pod.podSecurityContext", {"runAsUser": "app"}),
    ("pod.podSecurityContext", {"runAsUser": -1}),
    ("pod.podSecurityContext", {"readOnlyRootFilesystem": True}),
    ("pod.containerSecurityContext", {"fsGroup": 1}),
    ("pod.containerSecurityContext", {"readOnlyRootFileSystem": True}),
    ("pod.livenessProbe", {"timeoutSeconds": 0}),
    ("pod.livenessProbe", {"successThreshold": 2}),
    ("pod.livenessProbe", {"timeout": 5}),
    ("pod.livenessProbe", {"exec": {"command": ["true"]}, "tcpSocket": {"port": 1}}),
    ("pod.extraEnv", [{"name": "A", "value": 1}]),
    ("pod.extraEnv", [{"name": "A", "value": True}]),
    ("pod.extraEnv", [{"name": "A B", "value": "x"}]),
    ("pod.extraEnv", [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]),
    ("pod.extraEnv", [{"name": "A", "valueFrom": {"secretRef": {"name": "a", "key": "b"}}}]),
    ("pod.extraEnv", {"A": "x"}),
    ("pod.envFrom", [{"secretKeyRef": {"name": "a"}}]),
    ("pod.envFrom", [{"secretRef": {"name": "a"}, "configMapRef": {"name": "a"}}]),
    ("pod.extraVolumes", [{"name": "a_b", "emptyDir": {}}]),
    ("pod.extraVolumes", [{"name": "a", "emptyDir": {}, "secret": {"secretName": "a"}}]),
    ("pod.extraVolumeMounts", [{"name": "tmp", "mountPath": "a:b"}]),
    ("pod.extraVolumeMounts", [{"name": "tmp", "mountPath": "/a", "readonly": True}]),
    ("pod.initContainers", [{"name": "wait for redis", "image": "busybox"}]),
    ("pod.initContainers", [{"name": "wait"}]),
    ("pod.extraContainers", [{"name": "agent", "image": "registry.example/agent: 1"}]),
    ("pod.extraContainers", [{"name": "agent", "image": "agent", "env": [{"name": "A", "value": 1}]}]),
    ("pod.livenessProbe", {"httpGet": {"path": "/", "port": "a-name-of-17-chars"}}),
    ("pod.livenessProbe", {"tcpSocket": {"port": 0}}),
    ("pod.extraEnv", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.node"}}}]),
    ("pod.extraEnv", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "memory"}}}]),
    ("pod.extraVolumeMounts", [{"name": "tmp", "mountPath": "/a", "subPath": "../b"}]),
    ("pod.extraVolumes", [{"name": "a", "secret": {"name": "a"}}]),
    ("pod.extraVolumes", [{"name": "a", "configMap": {"configMapName": "a"}}]),
    ("pod.extraVolumes", [{"name": "a", "emptyDir": {"sizeLimit": "1GB"}}]),
    ("pod.extraVolumes", [{"name": "a", "persistentVolumeClaim": {"name": "a"}}]),
    ("pod.affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}),
    (
        "pod.affinity",
        {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 0, "preference": {"matchExpressions": []}}
                ]
            }
        },
    ),
    ("pod.affinity", {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}}]}}),
    ("extraObjects", [{"apiVersion": "v1", "kind": "ConfigMap"}]),
    ("networkPolicy.egressTo", [{}]),
    ("networkPolicy.egressTo", [{"ipBlock": {"cidr": "10.0.0.0"}}]),
    ("networkPolicy.egressTo", [{"ipBlock": {"cidr": "slack.com"}}]),
    ("networkPolicy.egressTo", [{**VALID_PEER, "podSelector": {}}]),
    ("networkPolicy.egressTo", [{"cidr": "10.0.0.0/8"}]),
    ("networkPolicy.egressTo", ["10.0.0.0/8"]),
    ("networkPolicy.egressPorts", [70000]),
    ("networkPolicy.egressPorts", ["443"]),
    ("networkPolicy.ingressFrom", [{"namespaceSelector": {"kubernetes.io/metadata.name": "ingress-nginx"}}]),
    ("networkPolicy.metricsFrom", [{"podSelector": {"matchLabels": {"app": 1}}}]),
    ("rbac.namespaces", ["payments.eu"]),
    ("rbac.subjects", [{"kind": "ServiceAccount", "name": "a", "namespace": ""}]),
    ("rbac.probe.namespaces", ["*"]),
    ("serviceAccounts.worker.name", "a..b"),
    ("serviceAccounts.worker.annotations", {"a b": "c"}),
    ("caBundle.key", "ca/crt"),
]
"""Values by their path; the API server or an operator refused what each of them made."""


def nested(path: str, value: Any) -> Json:
    for name in reversed(path.split(".")):
        value = {name: value}
    found: Json = value
    return found


@pytest.mark.parametrize(("path", "value"), AT_THE_SERVER, ids=lambda each: str(each)[:40])
def test_what_the_server_would_refuse_is_refused_at_its_path(path: str, value: Any) -> None:
    assert f"/{path.replace('.', '/')}" in refusal(merged(LEAST, nested(path, value)))


ACCEPTED: list[tuple[str, Any]] = [
    ("image.repository", "localhost:5000/egress-diag"),
    ("image.repository", "Registry.example:443/a/b__c/d-e.f"),
    ("redis.image", "docker.io/valkey/valkey:9.1.2@sha256:" + "a" * 64),
    ("redis.image", "valkey"),
    ("redis.persistence.size", "1.5Ti"),
    ("redis.persistence.size", 2147483648),
    ("redis.external.host", "[fd00::1]"),
    ("worker.resources.requests.cpu", 0.5),
    ("worker.resources.requests.cpu", "1e-1"),
    ("worker.resources.limits.memory", "2G"),
    ("worker.resources.limits.ephemeral-storage", "1Gi"),
    ("bot.service.loadBalancerSourceRanges", ["10.0.0.0/8", "fd00::/8", "::/0", "0.0.0.0/0"]),
    ("bot.ingress.host", "*.example.com"),
    ("commonLabels", {"app.kubernetes.io/part-of": "platform", "empty": ""}),
    ("commonAnnotations", {"Example.com/Owner": "any text: with / and spaces"}),
    ("monitoring.serviceMonitor.interval", "1m30s"),
    ("pod.tolerations", [{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 9}]),
    ("pod.extraVolumes", [{"name": "a", "projected": {"sources": [{"configMap": {"name": "a"}}]}}]),
    ("pod.extraVolumes", [{"name": "a", "secret": {"secretName": "a", "items": [{"key": "b", "path": "c"}]}}]),
    ("pod.extraVolumes", [{"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}]),
    ("pod.livenessProbe", {"grpc": {"port": 9090}}),
    (
        "pod.affinity",
        {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}}}
                ]
            }
        },
    ),
    ("pod.podSecurityContext", {"runAsUser": "", "fsGroup": None, "supplementalGroups": [1]}),
    ("pod.containerSecurityContext", {"seccompProfile": {"type": "RuntimeDefault"}, "capabilities": {"drop": ["ALL"]}}),
    ("pod.livenessProbe", {"httpGet": {"path": "/", "port": "metrics"}}),
    ("pod.extraEnv", [{"name": "A"}, {"name": "b.c-d", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]),
    ("pod.envFrom", [{"prefix": "A_", "secretRef": {"name": "a", "optional": True}}]),
    ("networkPolicy.egressTo", [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "proxy"}}}]),
    ("networkPolicy.metricsFrom", [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}]),
    ("networkPolicy.egressTo", [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]),
]  # fmt: skip
"""Unusual values that are right, by their path."""


@pytest.mark.parametrize(("path", "value"), ACCEPTED, ids=lambda each: str(each)[:40])
def test_unusual_values_that_are_right_are_accepted(path: str, value: Any) -> None:
    assert rendered(nested(path, value))


CONTRADICTIONS: dict[str, tuple[Json, str]] = {
    "fewer workers at most than at least": (
        {"worker": {"autoscaling": {"mode": "queue", "minReplicas": 8}}},
        "worker.autoscaling.minReplicas is 8, more than maxReplicas, which is 6",
    ),
    "a request above the limit": (
        {"worker": {"resources": {"requests": {"memory": "2Gi"}}}},
        "worker.resources.requests.memory is 2Gi, more than the limit, which is 1536Mi",
    ),
    "a request above the limit in other units": (
        {"bot": {"resources": {"requests": {"cpu": 1.5}, "limits": {"cpu": "900m"}}}},
        "bot.resources.requests.cpu is 1.5, more than the limit, which is 900m",
    ),
    "the port of metrics": ({"bot": {"service": {"port": 3001}}}, "bot.service.port is 3001, the port of health"),
    "scraping that takes longer than its interval": (
        {"monitoring": {"serviceMonitor": {"enabled": True, "interval": "1m", "scrapeTimeout": "1m30s"}}},
        "monitoring.serviceMonitor.scrapeTimeout is 1m30s, longer than interval, which is 1m",
    ),
    "a volume of the chart": (
        {"pod": {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}},
        "extraVolumes of pod or bot: the pod of bot already has a volume tmp",
    ),
    "a volume of Redis": (
        {"pod": {"extraVolumes": [{"name": "settings", "emptyDir": {}}]}},
        "extraVolumes of pod or redis: the pod of redis already has a volume settings",
    ),
    "a volume of all pods and of one": (
        {"pod": {"extraVolumes": [CERTIFICATE]}, "beat": {"extraVolumes": [CERTIFICATE]}},
        "extraVolumes of pod or beat: the pod of beat already has a volume a",
    ),
    "a mount at a path of the chart": (
        {"bot": {"extraVolumes": [CERTIFICATE], "extraVolumeMounts": [{"name": "a", "mountPath": "/tmp/"}]}},
        "extraVolumeMounts of pod or bot: the container of bot already has a mount at /tmp/",
    ),
    "a mount without a volume": (
        {"bot": {"extraVolumeMounts": [{"name": "a", "mountPath": "/a"}]}},
        "extraVolumeMounts of pod or bot: the pod of bot has no volume a",
    ),
    "a container with the name of the chart's": (
        {"worker": {"extraContainers": [{"name": "worker", "image": "agent"}]}},
        "the pod of worker already has a container worker",
    ),
    "an init container with the name of the chart's": (
        {"caBundle": {"secret": "ca"}, "pod": {"initContainers": [{"name": "ca-bundle", "image": "agent"}]}},
        "the pod of bot already has a container ca-bundle",
    ),
    "a variable twice": (
        {"pod": {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}},
        "extraEnv of pod or bot names the variable A twice",
    ),
    "the account of the workers for the bot": (
        {"serviceAccounts": {"bot": {"create": False, "name": "egress-diag-worker"}}},
        "serviceAccounts.bot.name is the account of the workers",
    ),
    "roles only, without roles": (
        {"rbacOnly": True, "rbac": {"create": False, "subjects": [USER]}},
        "rbacOnly installs only the roles, and rbac.create is false",
    ),
}


@pytest.mark.parametrize(("values", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_values_that_contradict_each_other_are_refused(values: Json, message: str) -> None:
    assert message in refusal(merged(LEAST, values))


def test_a_variable_of_one_component_may_replace_that_of_all() -> None:
    shared, own = [{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}]
    objects = rendered({"pod": {"extraEnv": shared}, "worker": {"extraEnv": own}})
    worker = named(objects, "Deployment", "egress-diag-worker")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [each for each in worker if each["name"] == "A"] == own


@pytest.mark.parametrize("release", ["5g", "egress.diag"])
def test_a_release_whose_name_no_service_can_have_is_refused(release: str) -> None:
    done = helm("template", release, str(CHART), "--kube-version", KUBERNETES, values=LEAST)
    assert "begin with a letter: set fullnameOverride" in done.stderr
    named_so = merged(LEAST, {"fullnameOverride": "egress-diag"})
    assert helm("template", release, str(CHART), "--kube-version", KUBERNETES, values=named_so).returncode == 0


# configurations with which the processes would not start

UNUSABLE: dict[str, tuple[Json, str]] = {
    "a cluster without credentials": ({"clusters": [{"name": "a"}]}, "/config/clusters/0"),
    "a cluster without the names of Azure": ({"clusters": [{"name": "a", "kubeconfig": "/a"}]}, "/config/clusters/0"),
    "a name twice": (
        {"clusters": [HERE, {**HERE, "name": "b", "aliases": ["Here"]}]},
        "config.clusters: the name Here of cluster b is also the name of another one",
    ),
    "a rule for no cluster": (
        {"clusters": [HERE], "access": [{"allow": ["diagnose"], "users": ["*"], "clusters": ["prod-*"]}]},
        "config.access.0.clusters: prod-* matches no cluster",
    ),
    "a gateway with its namespace": (
        {"clusters": [HERE], "access": [{"allow": ["diagnose"], "users": ["*"], "gateways": ["payments/egress"]}]},
        "/config/access/0/gateways/0",
    ),
    "a digest of no cluster": (
        {"clusters": [HERE], "digests": [{"channel": "C0123456789", "time": "09:00", "clusters": ["prod"]}]},
        "config.digests.0.clusters: prod matches no cluster",
    ),
    "a time that no day has": (
        {"clusters": [HERE], "digests": [{"channel": "C0123456789", "time": "25:00"}]},
        "/config/digests/0/time",
    ),
    "an alert of no cluster": (
        {
            "clusters": [HERE],
            "alerts": [{"match": {"a": "b"}, "cluster": "prod", "gateway": "a/b", "channel": "C0123456789"}],
        },
        "config.alerts.0.cluster: prod is no cluster",
    ),
    "fleet checks without a pause": ({"sweep_every": "1m"}, "config.sweep_every is 1m: use at least 5m, or 0s"),
    "a duration with spaces": ({"retention": {"runs": "30 days"}}, "/config/retention/runs"),
    "probes without a pause": (
        {"probe": {"namespaces": ["payments"], "canary": "1m"}},
        "config.probe.canary is 1m: use at least 5m, or off",
    ),
    "scheduled probes nowhere": ({"probe": {"canary": "1h"}}, "config.probe.canary needs config.probe.namespaces"),
    "an image with a space": ({"probe": {"image": "curl: 8"}}, "/config/probe/image"),
    "an echo service twice": ({"probe": {"urls": ["https://a.example", "https://a.example"]}}, "/config/probe/urls"),
    "an echo service with a password": ({"probe": {"urls": ["https://me:x@a.example"]}}, "/config/probe/urls/0"),
}


@pytest.mark.parametrize(("config", "message"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_configuration_with_which_no_process_would_start_is_refused(config: Json, message: str) -> None:
    with pytest.raises(ConfigError):
        parse(yaml.safe_dump(config), Path("config.yaml"))
    assert message in refusal(merged(LEAST, {"config": config}))


USABLE: list[Json] = [
    {"clusters": [{**HERE, "aliases": ["here", "h"]}]},
    {
        "clusters": [HERE],
        "digests": [{"channel": "C0123456789", "time": ["9:00", "17.30", 1170], "clusters": ["h?re"]}],
    },
    {"clusters": [HERE], "digests": [{"channel": "C0123456789", "time": "9am, 5:30pm", "days": "mon-fri"}]},
    {"access": [{"allow": ["diagnose"], "users": ["*"], "clusters": ["prod-*"]}]},
    {"sweep_every": "0s", "probe": {"canary": "off"}},
    {
        "clusters": [
            {"name": "a", "kubeconfig": "/a", "azure": {"managed_cluster": "/b"}},
            {"name": "b", "bundle": "/c"},
        ]
    },
]


@pytest.mark.parametrize("config", USABLE, ids=str)
def test_every_configuration_that_the_processes_accept_is_rendered(config: Json) -> None:
    parse(yaml.safe_dump(config), Path("config.yaml"))
    assert rendered({"config": config})


# empty lists


@pytest.mark.parametrize("key", ["egressTo", "egressPorts"])
def test_an_empty_list_of_destinations_or_ports_permits_none(key: str) -> None:
    """An empty list of ports in a NetworkPolicy permits every port."""
    for component in ("bot", "courier", "worker"):
        policy = named(rendered({"networkPolicy": {key: []}}), "NetworkPolicy", f"egress-diag-{component}")
        permitted = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        assert permitted == {53, 6379}
        assert_no_rule_permits_everything(policy)


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_no_policy_has_a_rule_without_ports_or_with_an_empty_list(values: Json) -> None:
    for policy in of_kind(rendered(values), "NetworkPolicy"):
        assert_no_rule_permits_everything(policy)


def assert_no_rule_permits_everything(policy: Json) -> None:
    for rule in [*policy["spec"]["ingress"], *policy["spec"]["egress"]]:
        assert rule["ports"]
        assert all(rule[key] for key in ("from", "to") if key in rule), "an empty list permits any peer"


def lists(place: Json, path: str = "") -> Iterator[str]:
    """The paths of all values that are lists."""
    for name, written in place.get("properties", {}).items():
        found = described(written)
        if found.get("type") == "array":
            yield f"{path}{name}"
        yield from lists(found, f"{path}{name}.")


def test_no_empty_list_permits_more_than_the_default() -> None:
    """Roles, bindings and policies, with every list of the values set to an empty one."""
    paths = [path for path in lists(SCHEMA) if path.split(".")[0] != "config"]
    assert {"networkPolicy.egressPorts", "rbac.namespaces", "rbac.subjects", "bot.tolerations"} <= set(paths)
    base: Json = {"config": {"clusters": [HERE]}}
    for path in paths:
        done = rendered(merged(base, nested(path, [])))
        for each in done:
            if each["kind"] in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "NetworkPolicy"):
                before = named(rendered(base), each["kind"], each["metadata"]["name"])
                assert each == before or (each["kind"] == "NetworkPolicy" and "egress" in path), path
