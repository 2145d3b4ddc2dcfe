"""The meshes of the other tests, with requests to the hosts in them.

They are clusters, incidents, and cases of Istio checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from tests.clusters.compose import Cluster, compose, named, names
from tests.incidents.incidents import incidents
from tests.istiod.asking import Json, proxy
from tests.istiod.question import Question, workload
from tests.scenarios.cases import all_cases

_SCHEMES = {"HTTP": "http", "HTTP2": "http", "GRPC": "grpc", "HTTPS": "https", "TLS": "https"}
_HOSTS, _CLIENTS = 4, 3
_GATEWAY = "team-egress/egw"


@dataclass(frozen=True, slots=True)
class Existing:
    """A mesh of another test."""

    identity: str
    kind: str
    fields: tuple[str, ...]
    cluster: Cluster
    questions: tuple[Question, ...]

    @property
    def patch(self) -> Json:
        """Nothing: the file of the test describes the mesh."""
        return {}


def existing() -> Iterator[Existing]:
    """Each mesh once, without the reads that fail in it."""
    seen: set[bytes] = set()
    for identity, kind, gateway, cluster in _clusters():
        questions = tuple(_questions(cluster, gateway))
        mesh = [each for each in cluster.objects if "istio" in each["apiVersion"] or each["kind"] in ("Service", "Pod")]
        key = orjson.dumps([mesh, [repr(each) for each in questions]])
        if questions and key not in seen:
            seen.add(key)
            yield Existing(identity, kind, (kind,), replace(cluster, errors=(), absent_kinds=()), questions)


def _clusters() -> Iterator[tuple[str, str, str, Cluster]]:
    for name in names():
        yield f"cluster-{name}", "cluster", _GATEWAY, named(name)
    for incident in incidents():
        gateway = str(incident.expect.get("gateway", _GATEWAY))
        yield f"incident-{incident.name}", "incident", gateway, incident.cluster
    for number, case in enumerate(each for each in all_cases() if each.check.stage.value == "istio"):
        cluster = compose(named(case.cluster), case.raw.get("with") or {})
        slug, gateway = case.check.slug, str(case.raw.get("gateway", _GATEWAY))
        yield f"{slug}-{number}", f"case of {slug}", gateway, cluster


def _questions(cluster: Cluster, gateway: str) -> Iterator[Question]:
    if "/" not in gateway:
        gateway = f"team-egress/{gateway}"
    found = [each for each in map(proxy, (o for o in cluster.objects if o["kind"] == "Pod")) if each is not None]
    clients = sorted(
        {f"{each.namespace}/{workload(each.pod)}" for each in found if each.kind == "sidecar" and each.address}
    )
    hosts: dict[str, set[tuple[str, int]]] = {}
    for each in cluster.objects:
        spec = each.get("spec") or {}
        if each["kind"] in ("ServiceEntry", "VirtualService"):
            ports = {
                (_SCHEMES.get(str(port.get("protocol", "")).upper(), "tcp"), int(port["number"]))
                for port in spec.get("ports") or ()
                if "number" in port
            }
            for host in spec.get("hosts") or ():
                name = host.replace("*", "any", 1)
                if "." in name and not name.endswith(".cluster.local"):
                    hosts.setdefault(name, {("http", 80), ("https", 443)}).update(ports)
    for host in sorted(hosts)[:_HOSTS]:
        for scheme, port in sorted(hosts[host]):
            for client in clients[:_CLIENTS]:
                yield Question(gateway, host, scheme, client, port)
