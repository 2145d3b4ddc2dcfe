"""NetworkPolicies of Kubernetes."""

from enum import StrEnum

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, mapping, texts


class PolicyDirection(StrEnum):
    """The connections that a NetworkPolicy restricts, seen from the pods that it selects."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class NetworkPolicy(KubernetesObject):
    __slots__ = ()
    kind = "NetworkPolicy"
    origin = Listed("networking.k8s.io", "networkpolicies")

    @derived
    def pod_selector(self) -> Raw:
        """The selector of the pods that it restricts.

        An empty one selects all pods of its namespace.
        """
        return mapping(self.raw, "spec", "podSelector")

    @derived
    def directions(self) -> frozenset[str]:
        """The directions that it restricts.

        Without `policyTypes` these are Ingress, and Egress if it has an egress rule.
        """
        written = texts(self.raw, "spec", "policyTypes")
        default = ("Ingress", "Egress") if items(self.raw, "spec", "egress") else ("Ingress",)
        return frozenset(written or default)

    def rules(self, direction: PolicyDirection) -> tuple[Raw, ...]:
        """Its rules for one direction, each of which allows connections."""
        return items(self.raw, "spec", direction.lower())
