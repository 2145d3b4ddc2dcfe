"""The settings that every pod of the chart has, and those of a single component."""

import json
from typing import Any

import pytest

from tests.helm.chart import Json, named, of_kind, pod, pods, rendered
from tests.helm.matrix import EVERY_SETTING, MATRIX
from tests.helm.values_schema import COMPONENTS, POD_KEYS

pytestmark = pytest.mark.slow  # make check runs only fast tests

EVERYTHING = MATRIX["every setting of pods"]
STEPS = {**EVERYTHING, **{key: MATRIX["with probe and restart"][key] for key in ("config", "rbac")}}
ALL = {**STEPS, "actions": {"enabled": True}}


def test_the_example_has_every_setting() -> None:
    assert set(EVERY_SETTING) == POD_KEYS


def test_every_pod_has_every_setting() -> None:
    found = dict(pods(rendered(ALL)))
    assert set(found) == {*COMPONENTS, "test"}
    for component, each in found.items():
        assert_settings(component, each)


def assert_settings(component: str, each: Json) -> None:
    """Fails if a pod lacks settings of `pod`, or of its component."""
    labels, spec = each["metadata"]["labels"], each["spec"]
    (container,) = [c for c in spec["containers"] if c["name"] != "agent"]
    assert labels["team"] == "platform"
    assert labels["cost-center"] == "4711"
    assert labels["sidecar.istio.io/inject"] == "false", "a label of the chart was replaced"
    assert each["metadata"]["annotations"]["example.com/backup"] == "no"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "agentpool": "tools"}
    own = EVERYTHING.get("bot" if component == "test" else component, {})
    for key in ("tolerations", "affinity", "runtimeClassName", "dnsPolicy", "dnsConfig", "hostAliases"):
        assert spec[key] == own.get(key, EVERY_SETTING[key]), (component, key)
    assert spec["priorityClassName"] == own.get("priorityClassName", "platform")
    assert spec["imagePullSecrets"] == [{"name": "mirror"}]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 20000,
        "runAsGroup": 10001,
        "fsGroup": 20000 if component == "beat" else 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
        "supplementalGroups": [3000],
    }
    assert container["securityContext"]["runAsGroup"] == 20000
    spread = spec["topologySpreadConstraints"][0]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    assert spread["labelSelector"]["matchLabels"].items() <= {**labels, **each["metadata"]["annotations"]}.items()
    environment = {e["name"]: e.get("value") for e in container["env"]}
    assert environment["HTTPS_PROXY"].startswith("http://other-proxy" if component == "worker" else "http://proxy")
    assert container["envFrom"] == EVERY_SETTING["envFrom"]
    assert EVERY_SETTING["extraVolumes"][0] in spec["volumes"]
    assert EVERY_SETTING["extraVolumeMounts"][0] in container["volumeMounts"]
    assert [c["name"] for c in spec["initContainers"]] == ["wait"]
    assert ("agent" in [c["name"] for c in spec["containers"]]) == (component != "test")
    if component != "test":
        assert container["readinessProbe"]["failureThreshold"] == 5
        assert container["livenessProbe"]["periodSeconds"] == 60


def test_the_environment_names_no_variable_twice() -> None:
    """The API server takes the last one and warns; helm 4 refuses such an object."""
    for component, each in pods(rendered(ALL)):
        for container in each["spec"]["containers"]:
            names = [e["name"] for e in container.get("env", [])]
            assert len(names) == len(set(names)), component
    worker = pod(rendered(ALL), "worker")["spec"]["containers"][0]["env"]
    assert {"name": "EGRESS_DIAG_RUN_TIMEOUT", "value": "120"} in worker
    assert {"name": "EGRESS_DIAG_LOG_LEVEL", "value": "DEBUG"} in worker
    assert {"name": "EGRESS_DIAG_LOG", "value": "text"} in worker


def test_a_handler_of_the_values_replaces_that_of_a_probe() -> None:
    probe = pod(rendered(ALL), "worker")["spec"]["containers"][0]["livenessProbe"]
    assert probe == {"exec": {"command": ["true"]}, "timeoutSeconds": 30, "periodSeconds": 60, "failureThreshold": 3}
    grpc = rendered({"bot": {"livenessProbe": {"grpc": {"port": 1}}}})
    assert "httpGet" not in pod(grpc, "bot")["spec"]["containers"][0]["livenessProbe"]


def test_a_setting_can_be_removed() -> None:
    """On OpenShift the platform chooses the user."""
    objects = rendered({"pod": {"podSecurityContext": {"runAsUser": "", "fsGroup": None}}})
    for _, each in pods(objects):
        assert set(each["spec"]["securityContext"]) == {"runAsNonRoot", "runAsGroup", "seccompProfile"}


def test_an_empty_label_is_a_label() -> None:
    values = {"pod": {"nodeSelector": {"tools": ""}, "podAnnotations": {"a": ""}}}
    worker = pod(rendered(values), "worker")
    assert worker["spec"]["nodeSelector"]["tools"] == ""
    assert worker["metadata"]["annotations"]["a"] == ""


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_common_labels_and_annotations_are_on_every_object_and_in_no_selector(values: Json) -> None:
    common = {key: EVERYTHING[key] for key in ("commonLabels", "commonAnnotations")}
    plain, found = rendered(values), rendered({**values, **common})
    for before, after in zip(plain, found, strict=True):
        if "helm.sh/chart" not in after["metadata"].get("labels", {}):
            continue  # one of extraObjects
        assert EVERYTHING["commonLabels"].items() <= after["metadata"]["labels"].items(), after["metadata"]["name"]
        assert EVERYTHING["commonAnnotations"].items() <= after["metadata"]["annotations"].items()
        assert selectors(before) == selectors(after)


def selectors(found: Any) -> list[str]:
    """Everything in an object that must not change, or that selects others."""
    if isinstance(found, list):
        return [text for each in found for text in selectors(each)]
    if not isinstance(found, dict):
        return []
    keys = ("selector", "podSelector", "labelSelector", "matchExpressions", "volumeClaimTemplates")
    here = [json.dumps(found[key], sort_keys=True) for key in keys if key in found]
    return [*here, *(text for each in found.values() for text in selectors(each))]


# addresses of the bot


def test_a_service_that_is_reachable_from_outside_has_no_metrics() -> None:
    """Before, a LoadBalancer had the port of health and metrics, too."""
    for name in ("an internal load balancer", "a port of the nodes"):
        objects = rendered(MATRIX[name])
        outside = named(objects, "Service", "egress-diag-bot")["spec"]
        assert [port["name"] for port in outside["ports"]] == ["http"]
        inside = named(objects, "Service", "egress-diag-bot-metrics")["spec"]
        assert (inside["type"], [port["name"] for port in inside["ports"]]) == ("ClusterIP", ["metrics"])
        test = pod(objects, "test")["spec"]["containers"][0]["env"]
        assert {"name": "READYZ", "value": "http://egress-diag-bot-metrics:3001/readyz"} in test
    both = named(rendered({}), "Service", "egress-diag-bot")["spec"]["ports"]
    assert [port["name"] for port in both] == ["http", "metrics"]


def test_a_load_balancer_has_its_class_and_ranges() -> None:
    values = MATRIX["an internal load balancer"]["bot"]["service"]
    found = named(rendered(MATRIX["an internal load balancer"]), "Service", "egress-diag-bot")
    assert found["metadata"]["annotations"] == values["annotations"]
    assert found["metadata"]["labels"]["exposed"] == "yes"
    for key in ("loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy"):
        assert found["spec"][key] == values[key]
    assert found["spec"]["ports"][0]["port"] == 443
    node = named(rendered(MATRIX["a port of the nodes"]), "Service", "egress-diag-bot")["spec"]
    assert node["ports"][0]["nodePort"] == 30080
    assert "loadBalancerClass" not in node


def test_a_route_exposes_only_the_path_of_slack() -> None:
    (route,) = of_kind(rendered(MATRIX["HTTP with an HTTPRoute"]), "HTTPRoute")
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "Exact", "value": "/slack/events"}}]
    assert rule["backendRefs"] == [{"name": "egress-diag-bot", "port": 80}]
    assert route["metadata"]["annotations"] == {"example.com/dns": "egress-diag"}


HTTP: Json = {"slack": {"mode": "http"}, "bot": {"ingress": {"enabled": True, "host": "x.example"}}}


def entrances(values: Json) -> list[Any]:
    """The peers that may connect to the bot's port for requests; None: any peer."""
    policy = named(rendered(values), "NetworkPolicy", "egress-diag-bot")
    return [rule.get("from") for rule in policy["spec"]["ingress"] if rule["ports"] == [{"port": "http"}]]


def test_an_ingress_reaches_the_bot_without_further_values() -> None:
    """Before, an empty ingressFrom permitted only the test pod."""
    assert entrances(HTTP) == [None]
    peers = [{"podSelector": {"matchLabels": {"app": "ingress"}}}]
    assert entrances({**HTTP, "networkPolicy": {"ingressFrom": peers}}) == [peers]
    assert entrances({}) == []


# other objects


def test_keda_trusts_the_certificate_authority_of_redis() -> None:
    """Before, only the processes did, and KEDA did not scale."""
    name = "scaled by the queue of an external Redis with a private certificate authority"
    objects = rendered(MATRIX[name])
    (found,) = of_kind(objects, "TriggerAuthentication")
    assert found["spec"]["secretTargetRef"] == [{"parameter": "ca", "name": "redis-ca", "key": "ca.crt"}]
    trigger = of_kind(objects, "ScaledObject")[0]["spec"]["triggers"][0]
    assert trigger["authenticationRef"] == {"name": found["metadata"]["name"]}
    assert trigger["metadata"]["enableTLS"] == "true"


def test_redis_uses_an_existing_claim_instead_of_a_new_one() -> None:
    found = of_kind(rendered(MATRIX["an existing volume claim"]), "StatefulSet")[0]["spec"]
    assert "volumeClaimTemplates" not in found
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "egress-diag-data"}}
    assert claim in found["template"]["spec"]["volumes"]


def test_further_objects_are_templates() -> None:
    objects = rendered(MATRIX["further objects"])
    assert named(objects, "ConfigMap", "egress-diag-further")["data"] == {"host": "egress-diag-bot"}
    assert named(objects, "Secret", "egress-diag-text")["stringData"] == {"a": "b"}


def test_scraping_has_relabelings() -> None:
    values = MATRIX["node placement and monitoring"]["monitoring"]["serviceMonitor"]
    objects = rendered(MATRIX["node placement and monitoring"])
    for kind, place in (("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")):
        (found,) = of_kind(objects, kind)
        (endpoint,) = found["spec"][place]
        for key in ("scrapeTimeout", "relabelings", "metricRelabelings"):
            assert endpoint[key] == values[key]
        assert found["metadata"]["annotations"] == {"example.com/owner": "platform-team"}
    dashboard = named(objects, "ConfigMap", "egress-diag-dashboard")["metadata"]
    assert dashboard["annotations"] == {"grafana_folder": "Platform"}
