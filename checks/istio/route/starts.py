"""Who starts a request: clients that fare alike, what their sidecars import and refuse, and which of them have none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import Sidecar
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import Clients, asked_client, is_sidecar, sidecars
from checks.istio.route.visibility import MeshConfig, Scope, mesh_config, outbound_policy, sidecar_scope
from checks.istio.route.workloads import (
    EXCLUDES_PORTS,
    EXCLUDES_RANGES,
    INCLUDES_RANGES,
    client_pods,
    declined_by,
    excluded,
    injectors,
    workload_of,
    would_inject,
)
from checks.model.raw_values import mapping

_DIVERTING = (EXCLUDES_PORTS, EXCLUDES_RANGES, INCLUDES_RANGES)


@dataclass(frozen=True, slots=True)
class Start:
    """Clients whose requests go the same way.

    `workloads` names them where they are not all of their namespaces. `bare`: they have no sidecar. `diverted` is the
    annotation by which the request goes round their sidecar: (annotation, value, what goes round). `policy` is what their
    sidecars do with hosts that they do not know, and the object that says so. `unread` is a read that failed."""

    clients: Clients
    scope: Scope
    mesh: MeshConfig
    revision: str
    policy: tuple[str, str]
    pods: tuple[Pod, ...] = ()
    workloads: tuple[str, ...] = ()
    bare: bool = False
    diverted: tuple[str, str, str] | None = None
    unread: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        return self.clients.namespace

    @property
    def strict(self) -> bool:
        """Whether unknown hosts are refused."""
        return self.policy[0] == "REGISTRY_ONLY"

    @property
    def names(self) -> tuple[str, ...]:
        """`namespace` or `namespace/workload` of each."""
        if self.workloads:
            return tuple(f"{self.namespace}/{each}" for each in self.workloads)
        return self.clients.members


def starts(facts: Facts, found: Configuration, groups: Iterable[Clients], port: int) -> tuple[Start, ...]:
    """The starts of requests to a port. Reads Pod, Sidecar, Namespace, ConfigMap and MutatingWebhookConfiguration, each as far
    as it could be read."""
    listed: dict[object, list[Start]] = {}
    for group in groups:
        for namespace in group.members:
            for each in _in(facts, found, namespace, port):
                listed.setdefault((group.namespace, _alike(each)), []).append(each)
    return tuple(_joined(each) for each in listed.values())


def _alike(start: Start) -> object:
    """Equal for starts that differ in nothing but their namespace."""
    sidecar = start.scope.sidecar.ref if start.scope.sidecar else ""
    return (sidecar, start.revision, start.policy, start.workloads, start.bare, start.diverted, start.unread)


def _joined(several: list[Start]) -> Start:
    first = several[0]
    if len(several) == 1:
        return first
    members = tuple(each.namespace for each in several)
    pods = tuple(pod for each in several for pod in each.pods)
    clients = Clients(members[0], members)
    return Start(clients, first.scope, first.mesh, first.revision, first.policy, pods, (), first.bare, first.diverted)


def _in(facts: Facts, found: Configuration, namespace: str, port: int) -> Iterator[Start]:
    """The starts in one namespace: its sidecars by what they import and which requests they see, and pods without one."""
    asked, workload = asked_client(facts)
    unread: list[str] = []
    try:
        pods = client_pods(facts, namespace, workload) if asked else _diverting(facts, namespace)
    except Unreadable as gap:
        pods = ()
        unread.append(str(gap.gap))
    injected = tuple(pod for pod in pods if is_sidecar(pod))
    spared = bool(injected) and not workload
    bare = tuple(pod for pod in pods if pod.proxy is None and not (spared and _meant_bare(pod)))
    if asked and not pods and not unread and _never_injected(facts, namespace):
        yield replace(_start(facts, found, namespace, ()), bare=True)
        return
    if bare and injected:
        yield replace(_start(facts, found, namespace, bare, named=True), bare=True)
    elif bare:
        yield replace(_start(facts, found, namespace, bare, named=bool(workload)), bare=True)
        return
    diverted = {pod.name: each for pod in injected if (each := next(excluded(pod, (port,)), None)) is not None}
    for each in dict.fromkeys(diverted.values()):
        group = tuple(pod for pod in injected if diverted.get(pod.name) == each)
        yield replace(_start(facts, found, namespace, group, named=True), diverted=each)
    straight = tuple(pod for pod in injected if pod.name not in diverted)
    if straight or not diverted:
        yield from _by_scope(facts, found, namespace, straight, bool(workload), tuple(unread))


def _by_scope(
    facts: Facts, found: Configuration, namespace: str, pods: tuple[Pod, ...], named: bool, unread: tuple[str, ...]
) -> Iterator[Start]:
    """Pods of a namespace by the Sidecar that holds for them and their revision's settings."""
    try:
        selecting = any(each.workload_selector for each in facts.in_namespace(Sidecar, namespace))
    except Unreadable as gap:
        yield _start(facts, found, namespace, pods, (*unread, str(gap.gap)), named=named)
        return
    chosen = pods
    if selecting and not chosen:
        chosen = sidecars(facts).get(namespace, ())
    groups: dict[object, list[Pod]] = {}
    for pod in chosen:
        scope = sidecar_scope(facts, namespace, pod.labels) if selecting else None
        key = (scope.sidecar.ref if scope and scope.sidecar else "", _revision(facts, found, pod))
        groups.setdefault(key, []).append(pod)
    if not groups:
        yield _start(facts, found, namespace, (), unread)
    for group in groups.values():
        yield _start(facts, found, namespace, tuple(group), unread, named=named or len(groups) > 1)


def _start(
    facts: Facts,
    found: Configuration,
    namespace: str,
    pods: tuple[Pod, ...],
    unread: tuple[str, ...] = (),
    *,
    named: bool = False,
) -> Start:
    """A start with a sidecar; `named` where it stands for some workloads of the namespace only."""
    first = pods[0] if pods else _any_sidecar(facts, namespace)
    revision = _revision(facts, found, first) if first is not None else found.mesh.revision
    mesh = mesh_config(facts, revision)
    try:
        scope = sidecar_scope(facts, namespace, pods[0].labels if pods else None)
    except Unreadable as gap:
        scope = Scope(None, namespace)
        unread = tuple(dict.fromkeys((*unread, str(gap.gap))))
    workloads = tuple(dict.fromkeys(workload_of(pod) for pod in pods)) if named else ()
    policy = outbound_policy(scope, mesh)
    return Start(Clients(namespace, (namespace,)), scope, mesh, revision, policy, pods, workloads, unread=unread)


def _revision(facts: Facts, found: Configuration, pod: Pod) -> str:
    """The pod's revision where its settings are known and differ, else the newest of the gateway."""
    mine = pod.revision
    if not mine or mine == found.mesh.revision:
        return found.mesh.revision
    own = mesh_config(facts, mine)
    return mine if own.written and own.raw != found.mesh.raw else found.mesh.revision


def _any_sidecar(facts: Facts, namespace: str) -> Pod | None:
    return next(iter(sidecars(facts).get(namespace, ())), None)


def _diverting(facts: Facts, namespace: str) -> tuple[Pod, ...]:
    """The sidecars of a namespace in which some requests go round them, or that are of several revisions, whose settings may
    differ; empty for all others, where no pod need be looked at."""
    return facts.once("pods that matter by namespace", _build_diverting).get(namespace, ())


def _build_diverting(facts: Facts) -> Mapping[str, tuple[Pod, ...]]:
    return {namespace: pods for namespace, pods in sidecars(facts).items() if _matter(pods)}


def _matter(pods: tuple[Pod, ...]) -> bool:
    annotations = [mapping(pod.raw, "metadata", "annotations") for pod in pods]
    return any(key in each for each in annotations for key in _DIVERTING) or len({pod.revision for pod in pods}) > 1


def _meant_bare(pod: Pod) -> bool:
    """Whether it was meant to have no sidecar, and so says nothing about its namespace."""
    return bool(declined_by(pod)) or pod.host_network


def _never_injected(facts: Facts, name: str) -> bool:
    """Whether no webhook would take new pods of a namespace that has none yet. What cannot be read counts as injected."""
    try:
        namespace = facts.get(Namespace, name)
        return namespace is not None and not would_inject(injectors(facts), namespace, {})
    except Unreadable:
        return False
