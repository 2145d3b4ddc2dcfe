"""Which program undoes a change of an object? By labels, annotations, owners and managers.

Sources: Helm, "Labels and Annotations"; Argo CD, "Resource Tracking"; Flux, "Kustomization" and "HelmRelease"; Kubernetes,
"Labels, annotations and taints" and `cluster/addons/addon-manager`; Operator Lifecycle Manager; Terraform's Kubernetes
provider; docs/domain/components.md#object-managers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from checks.facts.fact import KubernetesObject
from checks.model.raw_values import Raw, flag, items, text


@dataclass(frozen=True, slots=True)
class ObjectManager:
    """A program that restores an object: its name, when, and where the change belongs instead."""

    name: str
    when: str
    source: str

    @property
    def note(self) -> str:
        """The consequence for a change of the object, as a clause."""
        return f"{self.name} undoes it {self.when}: change {self.source} too"


_HELM_RELEASE = ("helm.toolkit.fluxcd.io", "HelmRelease", "the values of the HelmRelease")
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization", "the source of the Kustomization")
_AT_ONCE, _MINUTES, _UPGRADE = "within seconds", "within minutes", "at its next upgrade"
KYVERNO = ObjectManager("Kyverno", _MINUTES, "its ConfigMap or a PolicyException")
"""Kyverno, whose admission controller registers webhook configurations while it runs."""


def object_manager(thing: KubernetesObject) -> ObjectManager | None:
    """The program that undoes a change of this object; None if the object shows none."""
    return next((found for find in _FINDERS if (found := find(thing)) is not None), None)


def gitops_program(thing: KubernetesObject) -> ObjectManager | None:
    """The GitOps program that also writes an object of an add-on, if the object shows one.

    The add-on installs its objects as a Flux HelmRelease, which is not the user's.
    """
    return _argo_cd(thing) or _flux_object(thing, *_KUSTOMIZATION)


def _controller(thing: KubernetesObject) -> ObjectManager | None:
    for owner in items(thing.raw, "metadata", "ownerReferences"):
        if flag(owner, "controller") is True:
            name = f"{text(owner, 'kind')} {text(owner, 'name')}"
            return ObjectManager(name, _AT_ONCE, name)
    return None


def _aks(thing: KubernetesObject) -> ObjectManager | None:
    reconciled = thing.labels.get("addonmanager.kubernetes.io/mode") == "Reconcile"
    if reconciled or thing.labels.get("kubernetes.azure.com/managedby") == "aks":
        return ObjectManager("AKS", _MINUTES, "the add-on's settings in Azure")
    of_mesh = "azureservicemesh/istio.component" in thing.labels or thing.namespace == "aks-istio-system"
    if of_mesh and _label(thing, "helm.toolkit.fluxcd.io/name"):
        return ObjectManager("The Istio add-on", _MINUTES, "the mesh profile in Azure")
    return None


def _argo_cd(thing: KubernetesObject) -> ObjectManager | None:
    tracked = thing.annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    name = tracked or _label(thing, "argocd.argoproj.io/instance")
    if not name and "argocd-controller" in _managers(thing.managed_fields):
        name = _label(thing, "app.kubernetes.io/instance")
    if not name and "argocd-controller" not in _managers(thing.managed_fields):
        return None
    called = f"Argo CD application {name}".rstrip()
    return ObjectManager(called, _MINUTES, "the source of the application")


def _flux(thing: KubernetesObject) -> ObjectManager | None:
    return _flux_object(thing, *_HELM_RELEASE) or _flux_object(thing, *_KUSTOMIZATION)


def _flux_object(thing: KubernetesObject, prefix: str, kind: str, source: str) -> ObjectManager | None:
    name, namespace = _label(thing, f"{prefix}/name"), _label(thing, f"{prefix}/namespace")
    called = f"Flux {kind} {f'{namespace}/' if namespace else ''}{name}"
    return ObjectManager(called, _MINUTES, source) if name else None


def _operator_lifecycle(thing: KubernetesObject) -> ObjectManager | None:
    name = _label(thing, "olm.owner")
    kind = _label(thing, "olm.owner.kind") or "ClusterServiceVersion"
    return ObjectManager(f"{kind} {name}", _MINUTES, f"the {kind}") if name else None


def _kyverno(thing: KubernetesObject) -> ObjectManager | None:
    if policy := _label(thing, "generate.kyverno.io/policy-name"):
        return ObjectManager(f"Kyverno policy {policy}", _AT_ONCE, "the policy")
    if _label(thing, "webhook.kyverno.io/managed-by"):
        return KYVERNO
    return None


def _helm(thing: KubernetesObject) -> ObjectManager | None:
    release = thing.annotations.get("meta.helm.sh/release-name", "")
    if not release:
        return None
    namespace = thing.annotations.get("meta.helm.sh/release-namespace", "")
    name = f"Helm release {f'{namespace}/' if namespace else ''}{release}"
    return ObjectManager(name, _UPGRADE, "the values of the release")


def _field_manager(thing: KubernetesObject) -> ObjectManager | None:
    known = {
        "Terraform": ("Terraform", "its configuration"),
        "pulumi-kubernetes": ("Pulumi", "its program"),
        "kustomize-controller": ("Flux", "the source of the Kustomization"),
        "helm-controller": ("Flux", "the values of the HelmRelease"),
        "gitops-agent": ("The GitOps agent", "its repository"),
    }
    for manager in _managers(thing.managed_fields):
        if manager in known:
            name, source = known[manager]
            return ObjectManager(name, "at its next run", source)
    return None


def _label(thing: KubernetesObject, key: str) -> str:
    return thing.labels.get(key, "")


def _managers(fields: Iterable[Raw]) -> tuple[str, ...]:
    """The programs that wrote the object, without those that only write its status."""
    return tuple(text(each, "manager") for each in fields if not text(each, "subresource"))


_FINDERS: tuple[Callable[[KubernetesObject], ObjectManager | None], ...] = (
    _controller,
    _aks,
    _argo_cd,
    _operator_lifecycle,
    _kyverno,
    _flux,
    _helm,
    _field_manager,
)
"""The nearest program first: it restores the object soonest."""
