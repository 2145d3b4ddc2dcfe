"""A proposed change of a cluster, as people give it.

Manifests to apply and objects to delete.

The manifests may be rendered by kustomize or Helm: streams with comments, empty documents, lists, hooks, and kinds that no
check reads.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.change_input import BadChange, objects_of
from checks.facts.changes import Apply
from checks.facts.fact import KubernetesObject, Listed
from checks.facts.kubernetes_kinds import LISTED_KINDS, kind_of_group, listed_kind
from checks.facts.namespaces import Namespace
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import Raw, text

HOOK = "helm.sh/hook"
_APPLIED_HOOKS = frozenset({"crd-install", "pre-install", "post-install", "pre-upgrade", "post-upgrade"})
"""The hooks whose objects an installation or upgrade creates (Helm, "Chart Hooks")."""

_DECIDING_GROUPS = frozenset(
    {
        "networking.istio.io",
        "security.istio.io",
        "extensions.istio.io",
        "telemetry.istio.io",
        "gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io",
        "networking.k8s.io",
        "policy.networking.k8s.io",
        "cilium.io",
        "crd.projectcalico.org",
        "projectcalico.org",
        "egressgateway.kubernetes.azure.com",
    }
)
"""The API groups whose kinds can decide about traffic.

One that is not read makes the result uncertain.
"""

_HARMLESS = frozenset({"Ingress", "IngressClass", "WorkloadGroup"})
"""Kinds of these groups that decide nothing about requests to hosts outside the cluster."""


@dataclass(frozen=True, slots=True)
class ProposedObject:
    """A manifest to apply, and where it is written: `FILE, document 2`."""

    change: Apply
    place: str


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A manifest whose effect is not judged.

    `decides`: it may decide about traffic, so that the result is not certain without it.
    """

    ref: str
    kind: str
    reason: str
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A parsed proposal.

    The objects to apply, the names of the objects to delete first, and the manifests that are not judged.
    """

    applied: tuple[ProposedObject, ...] = ()
    deleted: tuple[str, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    installed: frozenset[type[KubernetesObject]] = frozenset()
    """The kinds whose CustomResourceDefinition is among the manifests."""


def proposal(texts: Iterable[tuple[str, str]], deleted: Iterable[str] = ()) -> Proposal:
    """The proposal of (place, YAML or JSON text) pairs and of `KIND/NAMESPACE/NAME` to delete.

    Raises BadChange, which names the place: for text that is no manifest, for patches, for templates that are not rendered.
    """
    budget = Budget()
    found = [each for place, written in texts for each in _manifests(place, written, budget)]
    applied: list[ProposedObject] = []
    not_judged: list[NotJudged] = []
    installed: set[type[KubernetesObject]] = set()
    for place, manifest in found:
        if (kind := _installed(manifest)) is not None:
            installed.add(kind)
        elif (without := _not_judged(manifest)) is not None:
            not_judged.append(without)
        else:
            applied.append(ProposedObject(Apply(_named(place, manifest)), place))
    # kustomize, Helm and Argo CD apply namespaces before the objects in them.
    applied.sort(key=lambda each: each.change.fact_type is not Namespace)
    return Proposal(tuple(applied), tuple(deleted), tuple(not_judged), frozenset(installed))


def _manifests(place: str, written: str, budget: Budget) -> Iterator[tuple[str, Raw]]:
    try:
        documents = [each for each in parse_yaml(written, budget) if each is not None]
    except BadDocument as problem:
        if "{{" in written:
            raise BadChange(f"{place}: a template that is not rendered; use the output of `helm template`") from None
        raise BadChange(f"{place}: {problem}") from None
    for number, document in enumerate(documents, 1):
        where = f"{place}, document {number}" if len(documents) > 1 else place
        for at, each in objects_of(where, document):
            _refuse_other_input(at, each)
            yield at, each


def _refuse_other_input(at: str, document: Any) -> None:
    """Raise BadChange for a document that kubectl does not apply."""
    if isinstance(document, list) and all(isinstance(each, Mapping) and "op" in each for each in document):
        raise BadChange(f"{at}: a JSON patch; patches are not supported, give the whole object")
    if not isinstance(document, Mapping):
        raise BadChange(f"{at}: not a mapping; expected a Kubernetes object")
    kind, version = text(document, "kind"), text(document, "apiVersion")
    if kind in ("Kustomization", "Component") and version.startswith("kustomize.config.k8s.io/"):
        raise BadChange(f"{at}: a {kind}, which is not an object; use the output of `kubectl kustomize`")
    if not kind:
        hint = (
            "; a Helm chart is rendered with `helm template`" if version.startswith("v") and "name" in document else ""
        )
        raise BadChange(f"{at}: has no kind; expected a Kubernetes object{hint}")
    if not version:
        raise BadChange(f"{at}, a {kind}: has no apiVersion")
    if _is_patch(document):
        raise BadChange(
            f"{at}, a {kind}: a strategic merge patch ($patch); patches are not supported, give the whole object"
        )


def _is_patch(value: Any) -> bool:
    """Whether a directive of a strategic merge patch is anywhere in the object."""
    if isinstance(value, Mapping):
        return any(key.startswith(("$patch", "$setElementOrder", "$deleteFromPrimitiveList")) for key in value) or any(
            map(_is_patch, value.values())
        )
    return isinstance(value, list) and any(map(_is_patch, value))


def _named(place: str, manifest: Raw) -> Raw:
    if not text(manifest, "metadata", "name"):
        if text(manifest, "metadata", "generateName"):
            raise BadChange(
                f"{place}, a {text(manifest, 'kind')}: has generateName, with which kubectl apply does not work; "
                "expected metadata.name"
            )
        raise BadChange(f"{place}, a {text(manifest, 'kind')}: has no metadata.name")
    return manifest


def _installed(manifest: Raw) -> type[KubernetesObject] | None:
    """The kind that a CustomResourceDefinition defines, if checks read it."""
    if text(manifest, "kind") != "CustomResourceDefinition":
        return None
    return kind_of_group(f"{text(manifest, 'spec', 'group')}/", text(manifest, "spec", "names", "kind"))


def _not_judged(manifest: Raw) -> NotJudged | None:
    """The manifest as one that is not judged, or None if it is."""
    version, kind = text(manifest, "apiVersion"), text(manifest, "kind")
    name = text(manifest, "metadata", "name") or f"{text(manifest, 'metadata', 'generateName')}…"
    place = text(manifest, "metadata", "namespace")
    ref = f"{kind} {place}/{name}" if place else f"{kind} {name}"
    group = version.partition("/")[0] if "/" in version else ""
    decides = group in _DECIDING_GROUPS and kind not in _HARMLESS
    hooks = {each.strip() for each in text(manifest, "metadata", "annotations", HOOK).split(",")} - {""}
    if hooks and not hooks & _APPLIED_HOOKS:
        return NotJudged(ref, kind, f"an installation does not apply this Helm hook ({', '.join(sorted(hooks))})")
    if listed_kind(version, kind) is not None:
        return None
    if (known := kind_of_group(version, kind)) is not None:
        origin = next(origin for each, origin in LISTED_KINDS.values() if each is known)
        return NotJudged(ref, kind, f"version {version} is not read; expected {_versions(origin)}", decides=True)
    return NotJudged(ref, kind, f"no check reads this kind ({version})", decides)


def _versions(origin: Listed) -> str:
    return " or ".join(f"{origin.group}/{each}" if origin.group else each for each in origin.versions)
