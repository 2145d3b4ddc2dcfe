"""Objects of the Gateway API, converted without a cluster."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GATEWAY_API
from checks.facts.istio_networking import DestinationRule
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.istio.mesh.gateway_api.conversion import GatewayApi
from checks.istio.mesh.gateway_api.gateways import ListenerGateway
from checks.istio.mesh.objects.routing_rules import RoutingRules
from checks.istio.mesh.objects.versions import NEWEST, Version
from checks.istio.mesh.parts import Parts

BASE = """
kind: Service
metadata: {name: egw, namespace: team-egress}
spec: {ports: [{name: http, port: 80}, {name: https, port: 443}]}
---
kind: Namespace
metadata: {name: team-a, labels: {team: a}}
---
kind: Namespace
metadata: {name: team-egress}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: team-egress}
spec: {hosts: [api.bank.example], ports: [{number: 80, name: http, protocol: HTTP}]}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bank, namespace: team-egress, creationTimestamp: '2026-11-13T10:00:00Z'}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: egw.team-egress.svc.cluster.local}]
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def gateway(*listeners: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """The Gateway with these listeners and other fields."""
    made: dict[str, Any] = yaml.safe_load(GATEWAY)
    made["spec"] |= {"listeners": list(listeners) or made["spec"]["listeners"], **spec}
    return made


def http_listener(name: str, hostname: str = "", port: int = 80, **more: Any) -> dict[str, Any]:
    """A listener for HTTP."""
    host = {"hostname": hostname} if hostname else {}
    return {"name": name, "port": port, "protocol": "HTTP", **host, **more}


def gateway_api(
    kind: str, name: str, spec: Mapping[str, Any], namespace: str = "team-egress", age: int = 0
) -> dict[str, Any]:
    """An object of the Gateway API; the greater its age, the older."""
    created = f"2026-11-13T10:{30 - age:02}:00Z"
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return {"apiVersion": f"{GATEWAY_API}/v1", "kind": kind, "metadata": metadata, "spec": spec}


def http_route(
    name: str, *rules: Mapping[str, Any], namespace: str = "team-egress", age: int = 0, **spec: Any
) -> dict[str, Any]:
    """An HTTPRoute for the Gateway, unless `spec` has other parents."""
    parents = {"parentRefs": [{"name": "bank", "namespace": "team-egress"}]}
    return gateway_api("HTTPRoute", name, {**parents, "rules": list(rules), **spec}, namespace, age)


def to_hostname(host: str = "api.bank.example", **more: Any) -> dict[str, Any]:
    """A backend outside the cluster."""
    return {"group": "networking.istio.io", "kind": "Hostname", "name": host, "port": 80, **more}


@dataclass(frozen=True, slots=True)
class Converted:
    """The objects that istiod makes of objects of the Gateway API."""

    gateways: tuple[ListenerGateway, ...]
    routes: tuple[RoutingRules, ...]
    destination_rules: tuple[DestinationRule, ...]


def converted(*objects: Mapping[str, Any], version: Version = NEWEST) -> Converted:
    """The objects and the base converted."""
    by_kind: dict[type[KubernetesObject], list[KubernetesObject]] = defaultdict(list)
    for each in (*yaml.safe_load_all(BASE), *objects):
        group = each.get("apiVersion", "v1").rpartition("/")[0]
        kind = next(
            kind for kind, origin in LISTED_KINDS.values() if (origin.group, kind.kind) == (group, each["kind"])
        )
        by_kind[kind].append(kind(each))
    read = Parts(by_kind).objects
    made = GatewayApi(read, read, read, version)
    gateways = tuple(each.gateway for each in made.parents() if each.gateway is not None)
    return Converted(gateways, made.routes(made.parents), made.destination_rules())
