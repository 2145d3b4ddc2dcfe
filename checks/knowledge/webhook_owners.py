"""Admission webhook configurations of AKS and its add-ons, which are part of the platform.

Source: docs/domain/components.md#webhook-owners. Names of medium confidence: extend the table when a cluster has others.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class WebhookOwner:
    """The part of AKS that installs webhook configurations of this name (a shell pattern).

    `only_with_policy`: only while the Azure Policy add-on is enabled; without it the user installed the webhook."""

    pattern: str
    part: str
    only_with_policy: bool = False


AZURE_POLICY = "the Azure Policy add-on"
GENERATED_POLICY = "azurepolicy-"
"""The beginning of the names of policies and bindings that Azure Policy generates."""

_OWNERS: tuple[WebhookOwner, ...] = (
    WebhookOwner("aks-webhook-admission-controller", "AKS"),
    WebhookOwner("aks-node-validating-webhook", "AKS"),
    WebhookOwner("aks-node-mutating-webhook", "AKS"),
    WebhookOwner("azure-service-mesh-*", "the Istio add-on"),
    WebhookOwner("istio-*-aks-istio-system", "the Istio add-on"),
    WebhookOwner("azure-policy-*", AZURE_POLICY, only_with_policy=True),
    WebhookOwner("gatekeeper-*", AZURE_POLICY, only_with_policy=True),
    WebhookOwner("azure-wi-webhook-*", "workload identity"),
    WebhookOwner("vpa-webhook-config*", "the vertical pod autoscaler add-on"),
    WebhookOwner("keda-admission*", "the KEDA add-on"),
    WebhookOwner("cilium-*", "Azure CNI powered by Cilium"),
)

INJECTOR = "istio-sidecar-injector-*-aks-istio-system"
"""The injector of the Istio add-on, one for each mesh revision, served by istiod."""


def webhook_owner(name: str, policy_addon: bool | None) -> str:
    """The part of AKS that owns a webhook configuration of this name, "" for none.

    `policy_addon` is None if it is not known whether Azure Policy is enabled; the name alone then decides."""
    for each in _OWNERS:
        if fnmatchcase(name, each.pattern) and (not each.only_with_policy or policy_addon is not False):
            return each.part
    return ""


def serves_kyverno_webhooks(labels: dict[str, str]) -> bool:
    """Whether a Deployment with these labels answers the webhooks of Kyverno.

    It is the admission controller, and in versions before 1.10 the one Deployment of Kyverno.

    Source: Kyverno's Helm chart (app.kubernetes.io/component).
    """
    return labels.get("app.kubernetes.io/component", "") in ("admission-controller", "kyverno")


def injector_revision(name: str) -> str:
    """The mesh revision of an injector of the Istio add-on, "" for any other configuration."""
    head, _, tail = INJECTOR.partition("*")
    return name.removeprefix(head).removesuffix(tail) if fnmatchcase(name, INJECTOR) else ""
