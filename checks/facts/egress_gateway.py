"""The egress gateway of a run.

It comes from the mesh profile or, if Azure is not read, from the cluster's objects.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from checks.facts.managed_cluster import EgressGatewayEntry, ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.workloads import Deployment

_SYSTEM, _ISTIOD = "aks-istio-system", "istiod-"
COMPONENT_LABEL = "azureservicemesh/istio.component"


@dataclass(frozen=True, slots=True)
class EgressGateway:
    """The gateway that a run diagnoses.

    `known`: whether the mesh profile (or, if Azure cannot be read, the cluster) has it. `configuration` is the name of its
    StaticGatewayConfiguration, "" if it is not known. `revisions` are the mesh revisions that should run it."""

    namespace: str
    name: str
    configuration: str = ""
    revisions: tuple[str, ...] = ()
    enabled: bool = True
    known: bool = True
    from_azure: bool = True
    deployments: tuple[str, ...] = field(init=False, compare=False, repr=False)
    """The names of its Deployments, one per revision: `<name>-<revision>`."""
    service_host: str = field(init=False, compare=False, repr=False)
    """Its Service's name in the mesh."""
    ref: str = field(init=False, compare=False, repr=False)
    """Its name in sentences."""

    def __post_init__(self) -> None:
        names = tuple([f"{self.name}-{revision}" for revision in self.revisions])
        object.__setattr__(self, "deployments", names)
        object.__setattr__(self, "service_host", f"{self.name}.{self.namespace}.svc.cluster.local")
        object.__setattr__(self, "ref", f"egress gateway {self.namespace}/{self.name}")

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class AmbiguousGateway(Exception):
    """The name matches gateways in several namespaces; `choices` are their full names."""

    def __init__(self, name: str, choices: tuple[str, ...]) -> None:
        super().__init__(f'"{name}" matches {len(choices)} gateways: {", ".join(choices)}')
        self.name = name
        self.choices = choices


_LISTED = 5
"""The gateways that are listed if no name is similar."""


class UnknownGateway(Exception):
    """No such gateway exists; `nearest` are the full names of gateways with a similar name.

    `unread` is what could not be read and may list others, "" if everything was read.
    """

    def __init__(self, name: str, namespace: str | None, shown: Sequence[str], unread: str = "") -> None:
        self.unread = unread
        names = {each: each.partition("/")[2] for each in shown}
        close = get_close_matches(name.lower(), list(names.values()), n=3, cutoff=0.5)
        self.nearest = tuple(each for each, own in names.items() if own in close)
        if self.nearest:
            hint = f"did you mean {' or '.join(self.nearest)}?"
        elif shown:
            more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
            hint = f"the cluster has {', '.join(shown[:_LISTED])}{more}"
        else:
            hint = "no gateway of the cluster has a similar name"
        where = " in the cluster" if unread else ""
        remark = f" The mesh profile was not read: {unread}" if unread else ""
        end = "." if unread and not hint.endswith("?") else ""
        super().__init__(
            f'no egress gateway "{f"{namespace}/" if namespace else ""}{name}"{where}: {hint}{end}{remark}'
        )


def from_profile(cluster: ManagedCluster, name: str, namespace: str | None) -> EgressGateway:
    """Return the gateway of the mesh profile.

    Raises AmbiguousGateway if the name is in several namespaces.
    """
    here = [e for e in cluster.egress_gateways if namespace in (None, e.namespace)]
    # Phones capitalize the first letter of a message: if no name matches exactly, the match ignores case.
    entries = [e for e in here if e.name == name] or [e for e in here if e.name.lower() == name.lower()]
    # A disabled leftover of the same name does not make the enabled one ambiguous.
    chosen = [e for e in entries if e.enabled] or entries
    if len({e.namespace for e in chosen}) > 1:
        raise AmbiguousGateway(name, tuple(sorted(f"{e.namespace}/{e.name}" for e in chosen)))
    if not chosen:
        return EgressGateway(namespace or EgressGatewayEntry.DEFAULT_NAMESPACE, name, known=False)
    return _target(chosen[0], cluster.revisions)


def all_from_profile(cluster: ManagedCluster) -> tuple[EgressGateway, ...]:
    """Return every enabled gateway of the mesh profile, for a fleet check."""
    return tuple(_target(entry, cluster.revisions) for entry in cluster.egress_gateways if entry.enabled)


def _target(entry: EgressGatewayEntry, revisions: tuple[str, ...]) -> EgressGateway:
    return EgressGateway(entry.namespace, entry.name, entry.configuration, revisions, entry.enabled)


def from_cluster(
    name: str,
    namespace: str | None,
    services: Iterable[Service],
    deployments: Iterable[Deployment],
    pods: Iterable[Pod],
) -> EgressGateway:
    """Return the gateway by its Service and Deployments, if Azure cannot be read.

    Source: docs/domain/components.md#egress-gateway-objects.
    """
    found = [
        s
        for s in services
        if s.name == name and namespace in (None, s.namespace) and s.labels.get(COMPONENT_LABEL) == "egress-gateway"
    ]
    if len(found) > 1:
        raise AmbiguousGateway(name, tuple(sorted(f"{s.namespace}/{s.name}" for s in found)))
    where = found[0].namespace if found else namespace
    deployments = tuple(deployments)
    own = [d for d in deployments if is_named_for(d, name) and where in (None, d.namespace)]
    if where is None and len({d.namespace for d in own}) > 1:
        raise AmbiguousGateway(name, tuple(sorted({f"{d.namespace}/{name}" for d in own})))
    if where is None:
        where = own[0].namespace if own else EgressGatewayEntry.DEFAULT_NAMESPACE
    configured = [d.template_configuration for d in own if d.template_configuration] or [
        p.static_gateway_configuration
        for p in pods
        if p.namespace == where and p.name.startswith(f"{name}-asm-") and p.static_gateway_configuration
    ]
    return EgressGateway(
        namespace=where,
        name=name,
        configuration=configured[0] if configured else "",
        revisions=tuple(sorted({d.name.removeprefix(f"{name}-") for d in own} | _installed(deployments))),
        known=bool(found or own),
        from_azure=False,
    )


def _installed(deployments: Iterable[Deployment]) -> set[str]:
    """The mesh revisions of the cluster: each has an istiod, and each should run the gateway."""
    return {d.name.removeprefix(_ISTIOD) for d in deployments if d.namespace == _SYSTEM and d.name.startswith(_ISTIOD)}


def is_named_for(deployment: Deployment, gateway: str) -> bool:
    """Whether a Deployment is named for a gateway of this name: `<name>-asm-<revision>`."""
    return deployment.name.startswith(f"{gateway}-asm-")


def gateway_entries(services: Iterable[Service]) -> tuple[str, ...]:
    """`namespace/name` of every egress gateway with a Service in the cluster."""
    return tuple(
        sorted(f"{s.namespace}/{s.name}" for s in services if s.labels.get(COMPONENT_LABEL) == "egress-gateway")
    )
