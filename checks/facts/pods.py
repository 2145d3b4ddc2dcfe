"""Pods and their containers."""

from datetime import datetime

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, flag, items, mapping, moment, number, text


class Container:
    """A container of a pod: its name and its status.

    The status is empty until the kubelet writes it.
    """

    def __init__(self, name: str, status: Raw) -> None:
        self.name = name
        self.status = status

    @property
    def ready(self) -> bool:
        return flag(self.status, "ready") is True

    @property
    def started(self) -> bool:
        """Whether it runs or has run; before that it has no log."""
        return bool(mapping(self.status, "state", "running")) or self.restarts > 0 or bool(self.ended)

    @property
    def running_since(self) -> datetime | None:
        return moment(self.status, "state", "running", "startedAt")

    @property
    def restarts(self) -> int:
        return number(self.status, "restartCount") or 0

    @property
    def waiting(self) -> str:
        """Reason for waiting: `ContainerCreating`, `CrashLoopBackOff`, `ImagePullBackOff`, ….

        "" if it does not wait.
        """
        return text(self.status, "state", "waiting", "reason")

    @property
    def waiting_message(self) -> str:
        return text(self.status, "state", "waiting", "message")

    @property
    def ended(self) -> Raw:
        """The newest termination, from `state` or from `lastState`."""
        return mapping(self.status, "state", "terminated") or mapping(self.status, "lastState", "terminated")

    @property
    def image(self) -> str:
        return text(self.status, "image")


class Pod(KubernetesObject):
    __slots__ = ()
    kind = "Pod"
    origin = Listed("", "pods")

    @derived
    def node(self) -> str:
        return text(self.raw, "spec", "nodeName")

    @derived
    def phase(self) -> str:
        return text(self.raw, "status", "phase")

    @derived
    def ip(self) -> str:
        return text(self.raw, "status", "podIP")

    @derived
    def host_network(self) -> bool:
        return flag(self.raw, "spec", "hostNetwork") is True

    @derived
    def service_account(self) -> str:
        return text(self.raw, "spec", "serviceAccountName")

    @derived
    def started(self) -> datetime | None:
        return moment(self.raw, "status", "startTime")

    @derived
    def ready(self) -> bool:
        return text(self.condition("Ready"), "status") == "True"

    @derived
    def containers(self) -> tuple[Container, ...]:
        return self._containers("containers", "containerStatuses")

    @derived
    def init_containers(self) -> tuple[Container, ...]:
        return self._containers("initContainers", "initContainerStatuses")

    def _containers(self, spec: str, status: str) -> tuple[Container, ...]:
        statuses = {text(s, "name"): s for s in items(self.raw, "status", status)}
        return tuple(
            Container(text(c, "name"), statuses.get(text(c, "name"), {})) for c in items(self.raw, "spec", spec)
        )

    @derived
    def named_ports(self) -> dict[tuple[str, str], int]:
        """The numbers of its containers' named ports, by protocol and name."""
        containers = (*items(self.raw, "spec", "containers"), *items(self.raw, "spec", "initContainers"))
        return {
            (text(port, "protocol") or "TCP", text(port, "name")): number(port, "containerPort") or 0
            for each in containers
            for port in items(each, "ports")
            if text(port, "name")
        }

    @derived
    def proxy(self) -> Container | None:
        """Its istio-proxy container.

        It is that of a gateway or classic sidecar, or a native sidecar among the init containers.
        """
        for each in (*self.containers, *self.init_containers):
            if each.name == "istio-proxy":
                return each
        return None

    @derived
    def revision(self) -> str:
        """The mesh revision of its proxy, from a gateway's label or an injected pod's annotation."""
        return self.labels.get("istio.io/rev", "") or self.annotations.get("istio.io/rev", "")

    @derived
    def static_gateway_configuration(self) -> str:
        """The StaticGatewayConfiguration that the pod's annotation names."""
        return self.annotations.get("kubernetes.azure.com/static-gateway-configuration", "")

    @derived
    def finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @derived
    def owner(self) -> tuple[str, str]:
        """(kind, name) of its controller, ("", "") if it has none."""
        for each in items(self.raw, "metadata", "ownerReferences"):
            return (text(each, "kind"), text(each, "name"))
        return ("", "")

    @derived
    def deployment(self) -> str:
        """The name of the Deployment whose ReplicaSet controls it, "" if none does.

        The name of a ReplicaSet is that of its Deployment and a hash.
        """
        kind, name = self.owner
        return name.rpartition("-")[0] if kind == "ReplicaSet" else ""
