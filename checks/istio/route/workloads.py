"""The pods that a question's client means, and what injection makes of them (domain.md 1.2, 6.10)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.istio_networking import Sidecar
from checks.facts.label_selectors import selects
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route.clients import asked_client, is_sidecar
from checks.istio.route.visibility import Scope, sidecar_scope

INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"
PLAIN = "istio-injection"
EXCLUDES_PORTS = "traffic.sidecar.istio.io/excludeOutboundPorts"
EXCLUDES_RANGES = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
INCLUDES_RANGES = "traffic.sidecar.istio.io/includeOutboundIPRanges"


def living(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """Pods that are to stay and have not ended."""
    return tuple(pod for pod in pods if pod.deleted is None and not pod.finished)


def workload_of(pod: Pod) -> str:
    """The name of the workload that people know a pod by: its Deployment's, StatefulSet's, DaemonSet's or Job's."""
    kind, name = pod.owner
    if kind == "ReplicaSet":
        return name.rpartition("-")[0] or name
    return name or pod.name


def client_pods(facts: Facts, namespace: str, workload: str) -> tuple[Pod, ...]:
    """The living pods of a client namespace, or of one workload in it: a Deployment, another controller, a pod by its own
    name, or the value of its `app` label. Reads Pod; raises Unreadable."""
    pods = living(facts.in_namespace(Pod, namespace))
    if not workload:
        return pods
    for known_as in (_by_workload, _by_name, _by_app):
        if found := tuple(pod for pod in pods if known_as(pod) == workload):
            return found
    return ()


def _by_workload(pod: Pod) -> str:
    return workload_of(pod)


def _by_name(pod: Pod) -> str:
    return pod.name


def _by_app(pod: Pod) -> str:
    return pod.labels.get("app", "") or pod.labels.get("app.kubernetes.io/name", "")


@dataclass(frozen=True, slots=True)
class Injector:
    """One webhook that injects sidecars: its configuration, its revision, its tag, and the selectors that choose pods."""

    configuration: str
    revision: str
    tag: str
    choosing: tuple[tuple[Mapping[str, object], Mapping[str, object]], ...]

    def takes(self, namespace: Mapping[str, str], pod: Mapping[str, str]) -> bool:
        """Whether it injects a new pod with these labels into a namespace with those."""
        return any(selects(where, namespace) and selects(what, pod) for where, what in self.choosing)


def injectors(facts: Facts) -> tuple[Injector, ...]:
    """The injection webhooks of every revision and tag. Reads MutatingWebhookConfiguration; raises Unreadable."""
    found = []
    for each in facts.all(MutatingWebhookConfiguration):
        hooks = [hook for hook in each.webhooks if hook.name.endswith("sidecar-injector.istio.io")]
        if hooks:
            choosing = tuple((hook.namespace_selector, hook.object_selector) for hook in hooks)
            found.append(
                Injector(each.name, each.labels.get(REVISION, ""), each.labels.get("istio.io/tag", ""), choosing)
            )
    return tuple(found)


def would_inject(found: Iterable[Injector], namespace: Namespace, pod: Mapping[str, str]) -> bool:
    """Whether a new pod with these labels would get a sidecar in this namespace."""
    return any(each.takes(namespace.all_labels, pod) for each in found)


def declined_by(pod: Pod) -> str:
    """The label or annotation by which the pod declines injection, as `field=value`."""
    for where, values in (("labels", pod.labels), ("annotations", pod.annotations)):
        if values.get(INJECT, "").lower() == "false":
            return f"metadata.{where}[{INJECT}]"
    return ""


def excluded(pod: Pod, ports: Iterable[int]) -> Iterator[tuple[str, str, str]]:
    """Annotations by which requests to these ports, or to all addresses, never meet the sidecar: (annotation, value, what
    goes round)."""
    written = pod.annotations.get(EXCLUDES_PORTS, "")
    away = [port for port in sorted(ports) if str(port) in (each.strip() for each in written.split(","))]
    if away:
        yield EXCLUDES_PORTS, written, f"port {' and '.join(str(port) for port in away)}"
    written = pod.annotations.get(EXCLUDES_RANGES, "")
    if any(_is_everything(each) for each in written.split(",")):
        yield EXCLUDES_RANGES, written, "every address"
    written = pod.annotations.get(INCLUDES_RANGES, "")
    if written and not any(_is_everything(each) for each in written.split(",")):
        yield INCLUDES_RANGES, written, f"addresses outside {written}"


def _is_everything(written: str) -> bool:
    if written.strip() == "*":
        return True
    try:
        return ip_network(written.strip(), strict=False).prefixlen == 0
    except ValueError:
        return False


def scopes(facts: Facts, namespace: str) -> Iterator[Scope]:
    """What the sidecars of a client namespace import: those of the asked workload; else the namespace's default, and of
    each Sidecar there that selects some of its pods."""
    asked, workload = asked_client(facts)
    if asked and workload:
        pods = client_pods(facts, namespace, workload)
        labels = dict(pods[0].labels) if pods else None
        yield sidecar_scope(facts, namespace, labels)
        return
    yield sidecar_scope(facts, namespace)
    chosen = [each for each in facts.in_namespace(Sidecar, namespace) if each.workload_selector]
    if not chosen:
        return
    pods = tuple(pod for pod in living(facts.readable(Pod, namespace)) if is_sidecar(pod))
    seen: set[str] = set()
    for pod in pods:
        scope = sidecar_scope(facts, namespace, pod.labels)
        if scope.sidecar is not None and scope.sidecar in chosen and scope.sidecar.name not in seen:
            seen.add(scope.sidecar.name)
            yield scope
