"""Kubernetes' own kinds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from checks.facts.fact import Fact, KubernetesObject, Listed, ServerVersion
from checks.model.raw_values import Raw, at, flag, items, labels, mapping, moment, number, text, texts


class ApiServer(Fact):
    """The API server's own answer; a gap here means that nothing in the cluster can be looked at."""

    __slots__ = ()
    origin = ServerVersion()

    @property
    def version(self) -> str:
        return text(self.raw, "gitVersion")


class Namespace(KubernetesObject):
    __slots__ = ()
    kind = "Namespace"
    origin = Listed("", "namespaces", namespaced=False)

    @property
    def phase(self) -> str:
        return text(self.raw, "status", "phase")

    @property
    def all_labels(self) -> dict[str, str]:
        """Its labels with the automatic `kubernetes.io/metadata.name`, as selectors see them."""
        return {"kubernetes.io/metadata.name": self.name, **self.labels}

    @property
    def conditions(self) -> tuple[Raw, ...]:
        return items(self.raw, "status", "conditions")


class Taint:
    """A node taint; `added` is None where the API does not say."""

    def __init__(self, raw: Raw) -> None:
        self.key = text(raw, "key")
        self.value = text(raw, "value")
        self.effect = text(raw, "effect")
        self.added = moment(raw, "timeAdded")


class Node(KubernetesObject):
    __slots__ = ()
    kind = "Node"
    origin = Listed("", "nodes", namespaced=False)

    @property
    def pool(self) -> str:
        return self.labels.get("kubernetes.azure.com/agentpool", "") or self.labels.get("agentpool", "")

    @property
    def mode(self) -> str:
        return self.labels.get("kubernetes.azure.com/mode", "").lower()

    def condition(self, kind: str) -> Raw:
        """The condition of this type, or an empty mapping."""
        return next((c for c in items(self.raw, "status", "conditions") if text(c, "type") == kind), {})

    @property
    def ready(self) -> bool:
        return any(
            text(c, "type") == "Ready" and text(c, "status") == "True" for c in items(self.raw, "status", "conditions")
        )

    @property
    def cordoned(self) -> bool:
        return flag(self.raw, "spec", "unschedulable") is True

    @property
    def taints(self) -> tuple[Taint, ...]:
        return tuple(Taint(each) for each in items(self.raw, "spec", "taints"))

    @property
    def zone(self) -> str:
        return self.labels.get("topology.kubernetes.io/zone", "")

    @property
    def os(self) -> str:
        return self.labels.get("kubernetes.io/os", "") or text(self.raw, "status", "nodeInfo", "operatingSystem")


class Container:
    """A container of a pod: its name, and its status where the kubelet has written one."""

    def __init__(self, name: str, status: Raw) -> None:
        self.name = name
        self.status = status

    @property
    def ready(self) -> bool:
        return flag(self.status, "ready") is True

    @property
    def started(self) -> bool:
        """Whether it runs or ever ran: before that it has no log."""
        return bool(mapping(self.status, "state", "running")) or self.restarts > 0 or bool(self.ended)

    @property
    def running_since(self) -> datetime | None:
        return moment(self.status, "state", "running", "startedAt")

    @property
    def restarts(self) -> int:
        return number(self.status, "restartCount") or 0

    @property
    def waiting(self) -> str:
        """Reason for waiting: `ContainerCreating`, `CrashLoopBackOff`, `ImagePullBackOff`, …; "" when not waiting."""
        return text(self.status, "state", "waiting", "reason")

    @property
    def waiting_message(self) -> str:
        return text(self.status, "state", "waiting", "message")

    @property
    def ended(self) -> Raw:
        """The newest termination: of this state, else of the last one."""
        return mapping(self.status, "state", "terminated") or mapping(self.status, "lastState", "terminated")

    @property
    def image(self) -> str:
        return text(self.status, "image")


class Pod(KubernetesObject):
    __slots__ = ()
    kind = "Pod"
    origin = Listed("", "pods")

    @property
    def node(self) -> str:
        return text(self.raw, "spec", "nodeName")

    @property
    def phase(self) -> str:
        return text(self.raw, "status", "phase")

    @property
    def ip(self) -> str:
        return text(self.raw, "status", "podIP")

    @property
    def host_network(self) -> bool:
        return flag(self.raw, "spec", "hostNetwork") is True

    @property
    def service_account(self) -> str:
        return text(self.raw, "spec", "serviceAccountName")

    @property
    def started(self) -> datetime | None:
        return moment(self.raw, "status", "startTime")

    def condition(self, kind: str) -> Raw:
        """The condition of this type, or an empty mapping."""
        return next((c for c in items(self.raw, "status", "conditions") if text(c, "type") == kind), {})

    @property
    def ready(self) -> bool:
        return text(self.condition("Ready"), "status") == "True"

    @property
    def containers(self) -> tuple[Container, ...]:
        return self._containers("containers", "containerStatuses")

    @property
    def init_containers(self) -> tuple[Container, ...]:
        return self._containers("initContainers", "initContainerStatuses")

    def _containers(self, spec: str, status: str) -> tuple[Container, ...]:
        statuses = {text(s, "name"): s for s in items(self.raw, "status", status)}
        return tuple(
            Container(text(c, "name"), statuses.get(text(c, "name"), {})) for c in items(self.raw, "spec", spec)
        )

    @property
    def proxy(self) -> Container | None:
        """Its istio-proxy container: a gateway's or classic sidecar's, or a native sidecar's among the init containers."""
        for each in (*self.containers, *self.init_containers):
            if each.name == "istio-proxy":
                return each
        return None

    @property
    def revision(self) -> str:
        """The mesh revision that its proxy belongs to, from a gateway's label or an injected pod's annotation."""
        return self.labels.get("istio.io/rev", "") or self.annotations.get("istio.io/rev", "")

    @property
    def static_gateway_configuration(self) -> str:
        """The StaticGatewayConfiguration that its traffic is to leave through, from the pod's annotation."""
        return self.annotations.get("kubernetes.azure.com/static-gateway-configuration", "")

    @property
    def finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def owner(self) -> tuple[str, str]:
        """(kind, name) of its controller, ("", "") where it has none."""
        for each in items(self.raw, "metadata", "ownerReferences"):
            return (text(each, "kind"), text(each, "name"))
        return ("", "")


class ServicePort:
    """A port of a Service."""

    def __init__(self, raw: Raw) -> None:
        self.name = text(raw, "name")
        self.port = number(raw, "port") or 0
        self.target = text(raw, "targetPort")
        self.protocol = text(raw, "protocol") or "TCP"


class Service(KubernetesObject):
    __slots__ = ()
    kind = "Service"
    origin = Listed("", "services")

    @property
    def type(self) -> str:
        return text(self.raw, "spec", "type") or "ClusterIP"

    @property
    def cluster_ip(self) -> str:
        return text(self.raw, "spec", "clusterIP")

    @property
    def external_ips(self) -> tuple[str, ...]:
        given = texts(self.raw, "spec", "externalIPs")
        balanced = tuple(
            text(each, "ip") or text(each, "hostname") for each in items(self.raw, "status", "loadBalancer", "ingress")
        )
        return given + tuple(each for each in balanced if each)

    @property
    def ports(self) -> tuple[ServicePort, ...]:
        return tuple(ServicePort(each) for each in items(self.raw, "spec", "ports"))

    @property
    def selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "selector")

    @property
    def host(self) -> str:
        """Its name in the mesh, `name.namespace.svc.cluster.local`."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"


class EndpointSlice(KubernetesObject):
    __slots__ = ()
    kind = "EndpointSlice"
    origin = Listed("discovery.k8s.io", "endpointslices")

    @property
    def service(self) -> str:
        return self.labels.get("kubernetes.io/service-name", "")

    @property
    def ready_addresses(self) -> tuple[str, ...]:
        """Addresses whose `ready` condition is true or not given (which means ready)."""
        return tuple(
            address
            for endpoint in items(self.raw, "endpoints")
            if flag(endpoint, "conditions", "ready") is not False
            for address in texts(endpoint, "addresses")
        )


class Event(KubernetesObject):
    """An event, read through either API shape (core/v1, or events.k8s.io/v1 with `regarding` and `note`)."""

    __slots__ = ()
    kind = "Event"
    origin = Listed("", "events")

    @property
    def object(self) -> Raw:
        return mapping(self.raw, "involvedObject") or mapping(self.raw, "regarding")

    @property
    def object_key(self) -> tuple[str, str, str]:
        """(kind, namespace, name) of what it is about."""
        return (text(self.object, "kind"), text(self.object, "namespace"), text(self.object, "name"))

    @property
    def object_uid(self) -> str:
        return text(self.object, "uid")

    @property
    def type(self) -> str:
        return text(self.raw, "type")

    @property
    def reason(self) -> str:
        return text(self.raw, "reason")

    @property
    def message(self) -> str:
        return text(self.raw, "message") or text(self.raw, "note")

    @property
    def component(self) -> str:
        return (
            text(self.raw, "source", "component")
            or text(self.raw, "reportingComponent")
            or text(self.raw, "deprecatedSource", "component")
        )

    @property
    def count(self) -> int:
        for path in (("count",), ("series", "count"), ("deprecatedCount",)):
            if (found := number(self.raw, *path)) is not None:
                return found
        return 1

    @property
    def last(self) -> datetime | None:
        """When it was last seen."""
        for path in (
            ("series", "lastObservedTime"),
            ("lastTimestamp",),
            ("deprecatedLastTimestamp",),
            ("eventTime",),
            ("firstTimestamp",),
            ("metadata", "creationTimestamp"),
        ):
            if (found := moment(self.raw, *path)) is not None:
                return found
        return None

    @property
    def first(self) -> datetime | None:
        for path in (
            ("firstTimestamp",),
            ("deprecatedFirstTimestamp",),
            ("eventTime",),
            ("metadata", "creationTimestamp"),
        ):
            if (found := moment(self.raw, *path)) is not None:
                return found
        return None


class ConfigMap(KubernetesObject):
    __slots__ = ()
    kind = "ConfigMap"
    origin = Listed("", "configmaps")

    @property
    def data(self) -> dict[str, str]:
        return labels(self.raw, "data")


class Secret(KubernetesObject):
    """A Secret's metadata. Its data is never read from a live cluster; a bundle may carry keys with REDACTED values."""

    __slots__ = ()
    kind = "Secret"
    origin = Listed("", "secrets", metadata_only=True)

    @property
    def type(self) -> str:
        return text(self.raw, "type")

    @property
    def keys(self) -> tuple[str, ...] | None:
        """Names of its keys, or None where only metadata was read."""
        found = self.raw.get("data")
        return tuple(str(each) for each in found) if isinstance(found, Mapping) else None


class ResourceQuota(KubernetesObject):
    __slots__ = ()
    kind = "ResourceQuota"
    origin = Listed("", "resourcequotas")

    @property
    def hard(self) -> dict[str, str]:
        return labels(self.raw, "status", "hard") or labels(self.raw, "spec", "hard")

    @property
    def used(self) -> dict[str, str]:
        return labels(self.raw, "status", "used")


class Workload(KubernetesObject):
    """What Deployments, ReplicaSets and DaemonSets have in common."""

    __slots__ = ()

    @property
    def selector(self) -> Raw:
        return mapping(self.raw, "spec", "selector")

    @property
    def template_labels(self) -> dict[str, str]:
        return labels(self.raw, "spec", "template", "metadata", "labels")

    @property
    def template_annotations(self) -> dict[str, str]:
        return labels(self.raw, "spec", "template", "metadata", "annotations")

    @property
    def template_configuration(self) -> str:
        """The StaticGatewayConfiguration that its pod template names."""
        return self.template_annotations.get("kubernetes.azure.com/static-gateway-configuration", "")

    def condition(self, kind: str) -> Raw:
        """The condition of this type, or an empty mapping."""
        return next((c for c in items(self.raw, "status", "conditions") if text(c, "type") == kind), {})


class Deployment(Workload):
    __slots__ = ()
    kind = "Deployment"
    origin = Listed("apps", "deployments")

    @property
    def replicas(self) -> int:
        found = number(self.raw, "spec", "replicas")
        return 1 if found is None else found

    @property
    def ready(self) -> int:
        return number(self.raw, "status", "readyReplicas") or 0

    @property
    def existing(self) -> int:
        """Pods that exist, ready or not."""
        return number(self.raw, "status", "replicas") or 0

    @property
    def observed_generation(self) -> int | None:
        return number(self.raw, "status", "observedGeneration")


class ReplicaSet(Workload):
    __slots__ = ()
    kind = "ReplicaSet"
    origin = Listed("apps", "replicasets")

    @property
    def replicas(self) -> int:
        return number(self.raw, "spec", "replicas") or 0

    @property
    def existing(self) -> int:
        """Pods that exist, ready or not."""
        return number(self.raw, "status", "replicas") or 0


class DaemonSet(Workload):
    __slots__ = ()
    kind = "DaemonSet"
    origin = Listed("apps", "daemonsets")

    @property
    def desired(self) -> int:
        return number(self.raw, "status", "desiredNumberScheduled") or 0

    @property
    def ready(self) -> int:
        return number(self.raw, "status", "numberReady") or 0


class HorizontalPodAutoscaler(KubernetesObject):
    __slots__ = ()
    kind = "HorizontalPodAutoscaler"
    origin = Listed("autoscaling", "horizontalpodautoscalers", ("v2", "v1"))

    @property
    def target(self) -> tuple[str, str]:
        return (text(self.raw, "spec", "scaleTargetRef", "kind"), text(self.raw, "spec", "scaleTargetRef", "name"))

    @property
    def minimum(self) -> int:
        found = number(self.raw, "spec", "minReplicas")
        return 1 if found is None else found

    @property
    def maximum(self) -> int:
        return number(self.raw, "spec", "maxReplicas") or 0

    @property
    def current(self) -> int:
        return number(self.raw, "status", "currentReplicas") or 0

    def condition(self, kind: str) -> Raw:
        """The condition of this type, or an empty mapping."""
        return next((c for c in items(self.raw, "status", "conditions") if text(c, "type") == kind), {})


class PodDisruptionBudget(KubernetesObject):
    __slots__ = ()
    kind = "PodDisruptionBudget"
    origin = Listed("policy", "poddisruptionbudgets")

    @property
    def selector(self) -> Raw:
        return mapping(self.raw, "spec", "selector")

    @property
    def allowed(self) -> int | None:
        return number(self.raw, "status", "disruptionsAllowed")

    @property
    def expected_pods(self) -> int:
        return number(self.raw, "status", "expectedPods") or 0

    @property
    def healthy_pods(self) -> int:
        return number(self.raw, "status", "currentHealthy") or 0


class Webhook:
    """One webhook of a configuration."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    @property
    def failure_policy(self) -> str:
        return text(self.raw, "failurePolicy") or "Fail"

    @property
    def rules(self) -> tuple[Raw, ...]:
        return items(self.raw, "rules")

    @property
    def namespace_selector(self) -> Raw:
        return mapping(self.raw, "namespaceSelector")

    @property
    def object_selector(self) -> Raw:
        return mapping(self.raw, "objectSelector")

    @property
    def has_match_conditions(self) -> bool:
        return bool(items(self.raw, "matchConditions"))

    @property
    def service(self) -> tuple[str, str] | None:
        """(namespace, name) of the Service behind it; None where it is called by URL."""
        found = mapping(self.raw, "clientConfig", "service")
        return (text(found, "namespace"), text(found, "name")) if found else None

    @property
    def url(self) -> str:
        return text(self.raw, "clientConfig", "url")

    @property
    def timeout(self) -> int:
        """Seconds that the API server waits for it; Kubernetes' default is 10."""
        found = number(self.raw, "timeoutSeconds")
        return 10 if found is None else found


class WebhookConfiguration(KubernetesObject):
    __slots__ = ()

    @property
    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(Webhook(each) for each in items(self.raw, "webhooks"))


class MutatingWebhookConfiguration(WebhookConfiguration):
    __slots__ = ()
    kind = "MutatingWebhookConfiguration"
    origin = Listed("admissionregistration.k8s.io", "mutatingwebhookconfigurations", namespaced=False)


class ValidatingWebhookConfiguration(WebhookConfiguration):
    __slots__ = ()
    kind = "ValidatingWebhookConfiguration"
    origin = Listed("admissionregistration.k8s.io", "validatingwebhookconfigurations", namespaced=False)


def selects(selector: Mapping[str, Any], labels_: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels and matchExpressions) matches the labels; an empty one matches all.
    A plain label map (a Service's or Istio's selector) counts as matchLabels."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return all(labels_.get(str(key)) == str(value) for key, value in selector.items())
    for key, value in mapping(selector, "matchLabels").items():
        if labels_.get(str(key)) != str(value):
            return False
    return all(_expression(each, labels_) for each in items(selector, "matchExpressions"))


def _expression(expression: Raw, labels_: Mapping[str, str]) -> bool:
    key, values = text(expression, "key"), texts(expression, "values")
    match at(expression, "operator"):
        case "In":
            return labels_.get(key) in values
        case "NotIn":
            return labels_.get(key) not in values
        case "Exists":
            return key in labels_
        case "DoesNotExist":
            return key not in labels_
        case _:
            return False
