"""Istio's security and telemetry kinds, as stored."""

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, labels, mapping, text


class AuthorizationPolicy(KubernetesObject):
    __slots__ = ()
    kind = "AuthorizationPolicy"
    origin = Listed("security.istio.io", "authorizationpolicies", ("v1", "v1beta1"))

    @derived
    def action(self) -> str:
        return text(self.raw, "spec", "action").upper() or "ALLOW"

    @derived
    def selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "selector", "matchLabels")

    @derived
    def target_refs(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "targetRefs") or tuple(
            each for each in (mapping(self.raw, "spec", "targetRef"),) if each
        )

    @derived
    def rules(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "rules")


class PeerAuthentication(KubernetesObject):
    __slots__ = ()
    kind = "PeerAuthentication"
    origin = Listed("security.istio.io", "peerauthentications", ("v1", "v1beta1"))


class Telemetry(KubernetesObject):
    __slots__ = ()
    kind = "Telemetry"
    origin = Listed("telemetry.istio.io", "telemetries", ("v1", "v1alpha1"))

    @derived
    def selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "selector", "matchLabels")

    @derived
    def access_logging(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "accessLogging")
