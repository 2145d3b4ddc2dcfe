"""Changes of ServiceEntries.

They concern hosts, ports, resolution, endpoints, addresses, visibility and twins.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, OTHER, PAY, WILDCARD, Change, Draft, Json, changes

_RESOLUTIONS: list[Json] = [
    {"resolution": "NONE"},
    {"resolution": "STATIC"},
    {"resolution": "STATIC", "endpoints": [{"address": "203.0.113.77"}]},
    {"resolution": "STATIC", "endpoints": [{"address": "203.0.113.77", "ports": {"http-80": 443}}]},
    {"resolution": "DNS", "endpoints": [{"address": "backend.example"}]},
    {
        "resolution": "DNS",
        "endpoints": [{"address": "a.example", "labels": {"version": "v9"}}, {"address": "b.example"}],
    },
    {
        "resolution": "STATIC",
        "endpoints": [{"address": "203.0.113.77", "weight": 0}, {"address": "203.0.113.80", "weight": 5}],
    },
    {"resolution": "STATIC", "endpoints": [{"address": "203.0.113.77", "locality": "westeurope/1"}]},
    {"resolution": "DNS_ROUND_ROBIN"},
    {"resolution": "DYNAMIC_DNS", "hosts": [WILDCARD]},
]
_ADDRESSES = [["203.0.113.77"], ["240.0.0.77"], ["198.51.100.0/24"], ["10.9.9.9"]]


def _resolution(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    entry["spec"] |= draft.pick(_RESOLUTIONS)
    return True


def _port(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        entry = draft.one("ServiceEntry", "bank")
        if entry is None:
            return False
        draft.rng.choice(entry["spec"]["ports"])[field] = draft.pick(values)
        return True

    return change


def _ports(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    number, protocol = draft.pick(
        [(8080, "HTTP"), (443, "TLS"), (443, "HTTPS"), (80, "HTTP"), (5432, "TCP"), (443, "TCP"), (9090, "GRPC")]
    )
    if all(each["number"] != number for each in entry["spec"]["ports"]):
        entry["spec"]["ports"].append({"number": number, "name": f"more-{number}", "protocol": protocol})
        draft.ports.append(({"HTTP": "http", "TCP": "tcp", "GRPC": "http"}.get(protocol, "https"), number))
    return True


def _field(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        entry = draft.one("ServiceEntry", "bank")
        if entry is None:
            return False
        entry["spec"][field] = draft.pick(values)
        return True

    return change


def _place(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    entry["metadata"]["namespace"] = draft.pick(["team-a", "team-b", "aks-istio-system"])
    return True


def _missing(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry")
    if entry is None:
        return False
    draft.remove(entry)
    return True


def _twin(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    copied = draft.double(entry, "twin", draft.pick([NAMESPACE, "team-a", "team-b"]), older=draft.pick([60, -60]))
    spec = copied["spec"]
    match draft.rng.randrange(5):
        case 0:
            spec["resolution"] = "NONE"
        case 1:
            spec["hosts"] = draft.pick([[WILDCARD], [API, PAY], [OTHER]])
            spec["resolution"] = "NONE" if spec["hosts"] == [WILDCARD] else "DNS"
        case 2:
            spec["ports"] = [{"number": 8080, "name": "more", "protocol": "HTTP"}]
        case 3:
            spec["ports"] = copy.deepcopy(spec["ports"])
            spec["ports"][0]["protocol"] = draft.pick(["TCP", "TLS", "HTTP"])
        case _:
            spec["resolution"] = "DNS"
    if draft.rng.random() < 0.4:
        spec["exportTo"] = draft.pick([["."], ["*"], ["team-a"]])
    return True


def _allocated(draft: Draft) -> bool:
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    draft.own_mesh["defaultConfig"] = {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}
    entry["status"] = {"addresses": [{"host": API, "value": "240.240.0.1"}]}
    if draft.rng.random() < 0.3:
        entry["metadata"]["labels"] = {"networking.istio.io/enable-autoallocate-ip": draft.pick(["true", "false"])}
    return True


def _workload_entry(draft: Draft) -> bool:
    """Endpoints outside the cluster as objects of their own."""
    entry = draft.one("ServiceEntry", "bank")
    if entry is None:
        return False
    entry["spec"] |= {"workloadSelector": {"labels": {"app": "bank"}}, "resolution": draft.pick(["STATIC", "DNS"])}
    address = draft.pick(["203.0.113.77", "203.0.113.77", "backend.example"])
    spec: Json = {"address": address, "labels": {"app": draft.pick(["bank", "bank", "other"])}}
    if draft.rng.random() < 0.3:
        spec["ports"] = {entry["spec"]["ports"][0]["name"]: draft.pick([443, 8443])}
    draft.add("WorkloadEntry", "bank-1", spec, draft.pick([NAMESPACE, NAMESPACE, "team-a"]))
    return True


@changes("ServiceEntry")
def _changes() -> dict[str, Change]:
    return {
        "resolution": _resolution,
        "ports.number": _port("number", [80, 443, 8080, 5432]),
        "ports.protocol": _port("protocol", ["HTTP", "HTTPS", "TLS", "TCP", "HTTP2", "GRPC", "MONGO"]),
        "ports.targetPort": _port("targetPort", [443, 8443, 80]),
        "ports": _ports,
        "hosts": _field("hosts", [[API, PAY], [PAY], [OTHER], [API, WILDCARD]]),
        "addresses": _field("addresses", _ADDRESSES),
        "exportTo": _field("exportTo", [["."], ["*"], ["~"], ["team-a"], [NAMESPACE]]),
        "location": _field("location", ["MESH_INTERNAL"]),
        "subjectAltNames": _field("subjectAltNames", [[API], ["other.example"]]),
        "workloadSelector": _field("workloadSelector", [{"labels": {"app": "web"}}]),
        "WorkloadEntry": _workload_entry,
        "namespace": _place,
        "missing": _missing,
        "twin": _twin,
        "status.addresses": _allocated,
    }
