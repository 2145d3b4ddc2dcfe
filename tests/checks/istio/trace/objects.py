"""Istio objects in few words, and facts over just these."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import Fact
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.question import ClusterIdentity, Question

KINDS: tuple[type[Fact], ...] = (
    ConfigMap,
    Namespace,
    Sidecar,
    Gateway,
    VirtualService,
    DestinationRule,
    ServiceEntry,
    Service,
    Pod,
    Deployment,
)


def raw(name: str, namespace: str, spec: dict[str, Any], age: int = 1) -> dict[str, Any]:
    """An object `age` days old."""
    created = f"2026-11-{23 - age:02d}T09:00:00Z"
    return {"metadata": {"name": name, "namespace": namespace, "creationTimestamp": created}, "spec": spec}


def gateway(
    name: str, *servers: dict[str, Any], namespace: str = "team-egress", age: int = 1, istio: str = "egw"
) -> Gateway:
    return Gateway(raw(name, namespace, {"selector": {"istio": istio}, "servers": list(servers)}, age))


def server(port: int, protocol: str, *hosts: str, mode: str | None = None, **tls: Any) -> dict[str, Any]:
    block = {"tls": {"mode": mode, **tls}} if mode is not None else {}
    return {"port": {"number": port, "name": f"{protocol}-{port}", "protocol": protocol}, "hosts": list(hosts), **block}


def rule(name: str, host: str, namespace: str = "team-egress", age: int = 1, **spec: Any) -> DestinationRule:
    return DestinationRule(raw(name, namespace, {"host": host, **spec}, age))


def facts(things: Iterable[Fact]) -> Facts:
    """A window on these objects, about the gateway team-egress/egw."""
    store = FactStore(datetime(2026, 11, 23, 10, tzinfo=UTC))
    listed = list(things)
    for kind in KINDS:
        store.add(kind, [each for each in listed if type(each) is kind])
        store.close(kind)
    target = EgressGateway("team-egress", "egw", "sgc", ("asm-1-30",))
    return Facts(store, target, Question(ClusterIdentity("aks1"), "egw"), frozenset(KINDS))
