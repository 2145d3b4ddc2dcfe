"""Whose admission webhooks are whose: those of AKS and its add-ons are part of the platform and no suspects while they work.

Source: domain.md 1.3 (end) and Appendix B. Names of medium confidence: extend the table when a cluster shows another.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Owner:
    """Who puts webhook configurations of this name (a shell pattern) into a cluster.

    `only_with_policy`: the name is AKS's only while the Azure Policy add-on is on; without it somebody else installed it."""

    pattern: str
    who: str
    only_with_policy: bool = False


OWNERS: tuple[Owner, ...] = (
    Owner("aks-webhook-admission-controller", "AKS"),
    Owner("aks-node-validating-webhook", "AKS"),
    Owner("aks-node-mutating-webhook", "AKS"),
    Owner("azure-service-mesh-*", "the Istio add-on"),
    Owner("istio-*-aks-istio-system", "the Istio add-on"),
    Owner("azure-policy-*", "the Azure Policy add-on", only_with_policy=True),
    Owner("gatekeeper-*", "the Azure Policy add-on", only_with_policy=True),
    Owner("azure-wi-webhook-*", "workload identity"),
    Owner("vpa-webhook-config*", "the vertical pod autoscaler add-on"),
    Owner("keda-admission*", "the KEDA add-on"),
    Owner("cilium-*", "Azure CNI powered by Cilium"),
)

INJECTOR = "istio-sidecar-injector-*-aks-istio-system"
"""The add-on's injector, one for each revision; istiod is behind it."""


def owner(name: str, policy_addon: bool | None) -> str:
    """Which part of AKS owns a configuration of this name, "" for none. `policy_addon` is None where Azure did not tell:
    then the benefit of the doubt goes to the name."""
    for each in OWNERS:
        if fnmatchcase(name, each.pattern) and (not each.only_with_policy or policy_addon is not False):
            return each.who
    return ""


def injector_revision(name: str) -> str:
    """The mesh revision of an injector of the add-on, "" for any other configuration."""
    head, _, tail = INJECTOR.partition("*")
    return name.removeprefix(head).removesuffix(tail) if fnmatchcase(name, INJECTOR) else ""
