"""Workload controllers, their autoscalers and their disruption budgets."""

from collections.abc import Mapping

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.facts.label_selectors import selects
from checks.model.raw_values import Raw, at, flag, items, labels, mapping, number, text


class Workload(KubernetesObject):
    """The common fields of Deployments, ReplicaSets and DaemonSets."""

    __slots__ = ()

    @derived
    def selector(self) -> Raw:
        return mapping(self.raw, "spec", "selector")

    @derived
    def template_labels(self) -> dict[str, str]:
        return labels(self.raw, "spec", "template", "metadata", "labels")

    @derived
    def template_annotations(self) -> dict[str, str]:
        return labels(self.raw, "spec", "template", "metadata", "annotations")

    @derived
    def template_containers(self) -> tuple[Raw, ...]:
        """The containers of its pod template, with image and arguments."""
        return items(self.raw, "spec", "template", "spec", "containers")

    @derived
    def template_configuration(self) -> str:
        """The StaticGatewayConfiguration that its pod template names."""
        return self.template_annotations.get("kubernetes.azure.com/static-gateway-configuration", "")


class Deployment(Workload):
    __slots__ = ()
    kind = "Deployment"
    origin = Listed("apps", "deployments")

    @derived
    def replicas(self) -> int:
        found = number(self.raw, "spec", "replicas")
        return 1 if found is None else found

    @derived
    def paused(self) -> bool:
        """Whether its rollout is paused: changes of its template create no pods."""
        return flag(self.raw, "spec", "paused") is True

    @derived
    def ready(self) -> int:
        return number(self.raw, "status", "readyReplicas") or 0

    @derived
    def existing(self) -> int:
        """Pods that exist, ready or not."""
        return number(self.raw, "status", "replicas") or 0

    @derived
    def observed_generation(self) -> int | None:
        return number(self.raw, "status", "observedGeneration")


class ReplicaSet(Workload):
    __slots__ = ()
    kind = "ReplicaSet"
    origin = Listed("apps", "replicasets")

    @derived
    def replicas(self) -> int:
        return number(self.raw, "spec", "replicas") or 0

    @derived
    def existing(self) -> int:
        """Pods that exist, ready or not."""
        return number(self.raw, "status", "replicas") or 0


class DaemonSet(Workload):
    __slots__ = ()
    kind = "DaemonSet"
    origin = Listed("apps", "daemonsets")

    @derived
    def desired(self) -> int:
        return number(self.raw, "status", "desiredNumberScheduled") or 0

    @derived
    def ready(self) -> int:
        return number(self.raw, "status", "numberReady") or 0


class ControllerRevision(KubernetesObject):
    """An earlier or the current pod template of a DaemonSet of the static egress gateway."""

    __slots__ = ()
    kind = "ControllerRevision"
    origin = Listed("apps", "controllerrevisions", namespace="aks-static-egress-gateway")

    @derived
    def template_containers(self) -> tuple[Raw, ...]:
        """The containers of this pod template, with image and arguments."""
        return items(self.raw, "data", "spec", "template", "spec", "containers")


class HorizontalPodAutoscaler(KubernetesObject):
    __slots__ = ()
    kind = "HorizontalPodAutoscaler"
    origin = Listed("autoscaling", "horizontalpodautoscalers", ("v2", "v1"))

    @derived
    def target(self) -> tuple[str, str]:
        return (text(self.raw, "spec", "scaleTargetRef", "kind"), text(self.raw, "spec", "scaleTargetRef", "name"))

    @derived
    def minimum(self) -> int:
        found = number(self.raw, "spec", "minReplicas")
        return 1 if found is None else found

    @derived
    def maximum(self) -> int:
        return number(self.raw, "spec", "maxReplicas") or 0

    @derived
    def current(self) -> int:
        return number(self.raw, "status", "currentReplicas") or 0


class PodDisruptionBudget(KubernetesObject):
    __slots__ = ()
    kind = "PodDisruptionBudget"
    origin = Listed("policy", "poddisruptionbudgets")

    def selects_pods(self, labels_: Mapping[str, str]) -> bool:
        """Whether it selects pods with these labels.

        An empty selector matches all pods of the namespace, a missing one none.
        """
        selector = at(self.raw, "spec", "selector")
        return isinstance(selector, Mapping) and selects(selector, labels_)

    @derived
    def limit(self) -> tuple[str, str]:
        """(field, value) of its limit; the value is "(not set)" if it has none."""
        for name in ("maxUnavailable", "minAvailable"):
            if written := text(self.raw, "spec", name):
                return f"spec.{name}", written
        return "spec.minAvailable", "(not set)"

    def healthy_needed(self, pods: int) -> int | None:
        """The number of its pods that must stay healthy, None without a limit.

        Percentages are rounded up, as Kubernetes does.
        """
        name, written = self.limit
        share = written.removesuffix("%")
        if not share.isdecimal():
            return None
        count = -(-pods * int(share) // 100) if written.endswith("%") else int(share)
        return max(pods - count, 0) if name == "spec.maxUnavailable" else count

    @derived
    def allowed(self) -> int | None:
        return number(self.raw, "status", "disruptionsAllowed")

    @derived
    def expected_pods(self) -> int:
        return number(self.raw, "status", "expectedPods") or 0

    @derived
    def healthy_pods(self) -> int:
        return number(self.raw, "status", "currentHealthy") or 0
