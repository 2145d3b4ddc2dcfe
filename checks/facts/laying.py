"""A proposal laid over the facts of a cluster, with the result for each object."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from checks.facts.change_input import UnreadObject, deletion
from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.facts.deployment_rollouts import Owner, rolled_out
from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.fact import KubernetesObject
from checks.facts.immutable_fields import immutable_changes
from checks.facts.kubernetes_kinds import is_custom_resource
from checks.facts.manifests import applied_content, last_applied
from checks.facts.namespaces import Namespace
from checks.facts.overlay import Overlay
from checks.facts.pods import Pod
from checks.facts.proposal import NotJudged, Proposal
from checks.facts.services import Service
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.store import FactStore
from checks.facts.workloads import DaemonSet, Deployment
from checks.model.raw_values import Raw, at, labels, mapping, text

_INJECTION_LABELS = ("istio.io/rev", "istio-injection")
_RECONCILED = ("gatewayNodepoolName", "gatewayVmssProfile", "provisionPublicIps", "publicIpPrefixId")
"""The fields of a StaticGatewayConfiguration that decide its egress IP prefix."""


class Laying(StrEnum):
    """The result of applying or deleting an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LaidObject:
    """An object of the proposal with the result; `reason`: why it is refused."""

    ref: str
    result: Laying
    place: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A part of the state after the proposal that the facts do not show.

    `decides`: the result is not certain without it. `namespace`: the only namespace whose gateways it concerns, "" for all.
    """

    statement: str
    decides: bool = True
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """The facts after a proposal, the result for each object, and what the facts do not show."""

    store: FactStore
    objects: tuple[LaidObject, ...]
    not_known: tuple[NotKnown, ...]


WebhookAnswer = Callable[[type[KubernetesObject], Raw], str]
"""Why a webhook refuses an object, "" if it accepts it."""


def _accepted(_kind: type[KubernetesObject], _raw: Raw) -> str:
    return ""


def laid_proposal(store: FactStore, proposal: Proposal, refusal: WebhookAnswer = _accepted) -> Laid:
    """The facts as they would be after the proposal.

    Deletions come first, then the manifests in their order.

    As with kubectl, an object that is refused does not stop the others. Pods of a changed Deployment are replaced; other
    controllers do nothing. `refusal` is the answer of the webhooks. Raises BadChange if an object to delete does not exist.
    """
    work = _Work(Overlay(store, proposal.installed), refusal)
    for each in proposal.not_judged:
        work.not_known.extend(_of_not_judged(each, store))
    done: list[LaidObject] = []
    for written in proposal.deleted:
        try:
            done.append(_laid(work, deletion(store, written), ""))
        except UnreadObject as unread:
            work.not_known.append(NotKnown(str(unread)))
    done += [_laid(work, each.change, each.place) for each in proposal.applied]
    if work.rollouts:
        work.overlay.replace(Pod, rolled_out(_pods(work.overlay), work.rollouts))
    return Laid(work.overlay.laid, tuple(done), tuple(dict.fromkeys(work.not_known)))


@dataclass(frozen=True, slots=True)
class _Work:
    """The changes so far, with the workloads whose pods are replaced, and what is not known."""

    overlay: Overlay
    refusal: WebhookAnswer
    rollouts: dict[Owner, tuple[Deployment | DaemonSet, Deployment | DaemonSet]] = field(default_factory=dict)
    not_known: list[NotKnown] = field(default_factory=list)


def _of_not_judged(manifest: NotJudged, store: FactStore) -> Iterator[NotKnown]:
    """The part that a manifest without a judgement decides: traffic, or running sidecars."""
    if manifest.decides:
        yield NotKnown(f"{manifest.ref} is not judged: {manifest.reason}")
    elif manifest.kind == "StatefulSet":
        owned = (pod for pod in store.known(Pod) if f"StatefulSet {pod.namespace}/{pod.owner[1]}" == manifest.ref)
        if any(pod.owner[0] == "StatefulSet" and pod.proxy is not None for pod in owned):
            yield NotKnown(f"{manifest.ref}: the pods after a change of its template are not judged")


def _laid(work: _Work, change: ObjectChange, place: str) -> LaidObject:
    try:
        before, after = work.overlay.lay(change, lambda old, new: _admit(change, old, new, work.refusal))
    except ChangeRefused as refused:
        return LaidObject(change.ref, Laying.REFUSED, place, str(refused).removeprefix(f"{change.ref}: "))
    if after is None:
        return LaidObject(change.ref, Laying.DELETED, place)
    if isinstance(change, Apply):
        work.not_known.extend(_not_known(change, before, after))
    if before is None:
        return LaidObject(change.ref, Laying.CREATED, place)
    kind = change.fact_type
    if kind in (Deployment, DaemonSet):
        workload = Deployment if kind is Deployment else DaemonSet
        owner = (workload.kind, change.namespace, change.name)
        first, _ = work.rollouts.get(owner, (workload(before), None))
        work.rollouts[owner] = (first, workload(after))
    same = _content(before) == _content(after)
    return LaidObject(change.ref, Laying.UNCHANGED if same else Laying.CHANGED, place)


def _pods(overlay: Overlay) -> Iterator[Pod]:
    yield from (each for each in overlay.facts(Pod) if isinstance(each, Pod))


def _admit(change: ObjectChange, before: Raw | None, after: Raw, refusal: WebhookAnswer) -> None:
    """Raise ChangeRefused if the API server would not store the object."""
    fixed = [] if before is None else list(immutable_changes(change.fact_type, before, after))
    if fixed:
        raise ChangeRefused(
            f"{change.ref}: {', '.join(fixed)} cannot be changed; delete the object and create it again"
        )
    if reason := refusal(change.fact_type, after):
        raise ChangeRefused(f"{change.ref}: {reason}")


def _content(raw: Raw) -> tuple[Raw, Raw, Raw]:
    """The fields that people write in an object.

    Not its status, and not those that the API server or kubectl adds.
    """
    rest = {key: value for key, value in raw.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    notes = {
        k: v for k, v in labels(raw, "metadata", "annotations").items() if not k.startswith("kubectl.kubernetes.io/")
    }
    return rest, mapping(raw, "metadata", "labels"), notes


def _not_known(change: Apply, before: Raw | None, after: Raw) -> Iterator[NotKnown]:
    kind = change.fact_type
    if change.namespace and not text(change.manifest, "metadata", "namespace"):
        yield NotKnown(f"{change.ref}: the manifest names no namespace, default is assumed", decides=False)
    if before is None:
        if kind in (Deployment, DaemonSet):
            yield NotKnown(f"{change.ref} is new: its pods are not judged", decides=False)
        elif kind is StaticGatewayConfiguration:
            yield NotKnown(
                f"{change.ref} is new: the egress IP prefix that Azure would assign is not known",
                namespace=change.namespace,
            )
    else:
        yield from _of_existing(change, kind, before, after)
    if kind is Service and mapping(after, "spec", "selector") != mapping(before or {}, "spec", "selector"):
        gateway = labels(after, "metadata", "labels").get(COMPONENT_LABEL) == "egress-gateway"
        yield NotKnown(f"{change.ref}: the endpoints behind its new selector are not judged", decides=gateway)


def _of_existing(change: Apply, kind: type[KubernetesObject], before: Raw, after: Raw) -> Iterator[NotKnown]:
    if kind is StaticGatewayConfiguration:
        changed = [each for each in _RECONCILED if at(before, "spec", each) != at(after, "spec", each)]
        if changed:
            yield NotKnown(
                f"{change.ref}: the egress IP prefix after the change of {', '.join(changed)} is not known",
                namespace=change.namespace,
            )
    kept = list(_kept_fields(change, kind, before))
    if kept:
        decides = kind is not Namespace or any(each in name for name in kept for each in _INJECTION_LABELS)
        named = ", ".join(kept[:3]) + (f" and {len(kept) - 3} more" if len(kept) > 3 else "")
        yield NotKnown(
            f"{change.ref}: not checked whether the apply removes {named}, which the manifest lacks", decides=decides
        )


def _kept_fields(change: Apply, kind: type[KubernetesObject], before: Raw) -> Iterator[str]:
    """Fields of the object that the manifest lacks.

    None if the manifest of the last apply is known.

    These are labels of a Namespace, labels and annotations of a pod template, and the spec of a custom resource. The API server
    adds defaults to other fields.
    """
    if kind is Namespace:
        parts: tuple[tuple[str, ...], ...] = (("metadata", "labels"),)
    elif kind in (Deployment, DaemonSet):
        parts = (("spec", "template", "metadata", "labels"), ("spec", "template", "metadata", "annotations"))
    elif is_custom_resource(kind):
        parts = (("spec",),)
    else:
        return
    last = last_applied(kind, before)
    if "metadata" in last and "spec" in last:
        return  # the whole manifest of the last apply
    written = applied_content(change.manifest)
    for path in parts:
        if at(last, *path) is not None:
            continue
        for name in mapping(before, *path):
            if name not in mapping(written, *path) and name != "kubernetes.io/metadata.name":
                yield f"{'.'.join(path)}.{name}" if path == ("spec",) else f"{'.'.join(path)}[{name}]"
