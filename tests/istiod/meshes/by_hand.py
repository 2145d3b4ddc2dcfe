"""Meshes written by hand, each with requests for which a product once had another outcome.

`make judge-record` records istiod's answers; the test run replays them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.istiod.meshes.draft import API, NAMESPACE, PAY, ROOT, SERVICE, STRANGER, WILDCARD, Draft, Json
from tests.istiod.meshes.gateway_api_by_hand import GATEWAY_API_MESHES
from tests.istiod.meshes.generator import Generated
from tests.istiod.meshes.registry import Registry
from tests.istiod.meshes.registry import ask as _ask

_MESHES = Registry()
_mesh = _MESHES.mesh


def by_hand() -> Iterator[Generated]:
    """Every mesh, in the order of the files."""
    yield from _MESHES.generated()
    yield from GATEWAY_API_MESHES.generated()


def _to(host: str, port: int) -> list[Json]:
    return [{"destination": {"host": host, "port": {"number": port}}}]


def _entry(draft: Draft, host: str, *ports: Json, name: str = "pay", **more: object) -> Json:
    listed = [{"number": each, "name": f"http-{each}", "protocol": "HTTP"} for each in (80,)]
    spec = {"hosts": [host], "location": "MESH_EXTERNAL", "ports": list(ports) or listed, "resolution": "DNS", **more}
    return draft.add("ServiceEntry", name, spec)


def _spec(draft: Draft, kind: str, name: str = "") -> Json:
    found = draft.one(kind, name)
    assert found is not None
    spec: Json = found["spec"]
    return spec


# Rules for every host, at a gateway that other hosts reach as well.


@_mesh("gateway-api-tcp", _ask(API, "tcp", port=5432), _ask(PAY, "tcp", port=5432), _ask(STRANGER, "tcp", port=5432))
def _tcp_route_for_every_host(draft: Draft) -> None:
    """The canonical TCPRoutes: other hosts on the port arrive at the one destination too."""


@_mesh("gateway-api-tcp", _ask(API, "tcp", port=5432), _ask(PAY, "tcp", port=5432), _ask(STRANGER, "tcp", port=5432))
def _hostname_of_a_tcp_listener(draft: Draft) -> None:
    """TCP has no host name: that of a listener declares no destination for it."""
    gateway = next(
        each for each in draft.objects if each["apiVersion"].startswith("gateway.") and each["kind"] == "Gateway"
    )
    named = {"name": "named", "port": 8080, "protocol": "TCP", "hostname": "*.example"}
    gateway["spec"]["listeners"].insert(0, named | {"allowedRoutes": {"namespaces": {"from": "Same"}}})


@_mesh("tcp", _ask(API, "tcp", port=5432), _ask(STRANGER, "tcp", port=5432))
def _virtual_service_for_every_tcp_host(draft: Draft) -> None:
    service = _spec(draft, "VirtualService")
    to_gateway, out = service["tcp"]
    service |= {"gateways": ["mesh"], "tcp": [to_gateway]}
    draft.add("VirtualService", "out", {"hosts": ["*"], "gateways": ["bank-gw"], "tcp": [out]})
    _spec(draft, "Gateway")["servers"][0]["hosts"] = ["*"]


def _to_gateway(draft: Draft, hosts: list[str]) -> None:
    """Unknown hosts go to the gateway too, which sends whatever it gets to the one destination."""
    _spec(draft, "Gateway")["servers"][0]["hosts"] = hosts
    service = _spec(draft, "VirtualService")
    out = service["http"].pop(1)
    service["gateways"] = ["mesh"]
    draft.add("VirtualService", "out", {"hosts": ["*"], "gateways": ["bank-gw"], "http": [{"route": out["route"]}]})
    policy = {"mode": "ALLOW_ANY", "egressProxy": {"host": SERVICE, "port": {"number": 80}}}
    draft.add("Sidecar", "default", {"egress": [{"hosts": ["*/*"]}], "outboundTrafficPolicy": policy}, "team-a")


@_mesh("http", _ask(API), _ask(STRANGER, port=8080), _ask(STRANGER))
def _egress_proxy_to_rules_for_every_host(draft: Draft) -> None:
    _to_gateway(draft, ["*"])


@_mesh("http", _ask(API), _ask(STRANGER, port=8080))
def _egress_proxy_to_a_server_that_names_the_host(draft: Draft) -> None:
    _to_gateway(draft, [API, STRANGER])


@_mesh("gateway-api-http", _ask(API), _ask(PAY))
def _http_route_without_hosts_at_a_listener_with_one(draft: Draft) -> None:
    _entry(draft, PAY)
    out = _spec(draft, "HTTPRoute", "to-bank")
    del out["hostnames"]
    out["rules"][0]["backendRefs"][0]["name"] = PAY


@_mesh("gateway-api-http", _ask(API), _ask(PAY))
def _http_route_without_hosts_at_a_listener_without_one(draft: Draft) -> None:
    _entry(draft, PAY)
    gateway = next(each for each in draft.found("Gateway") if each["apiVersion"].startswith("gateway"))
    del gateway["spec"]["listeners"][0]["hostname"]
    out = _spec(draft, "HTTPRoute", "to-bank")
    del out["hostnames"]
    out["rules"][0]["backendRefs"][0]["name"] = PAY


# Services of a host.


@_mesh("http-mutual", _ask(API), _ask(API, port=8080))
def _older_entry_imported_by_name(draft: Draft) -> None:
    """A Sidecar that names the host: it imports only the older of two ServiceEntries."""
    port = {"number": 8080, "name": "more", "protocol": "HTTP"}
    spec = {"hosts": [API], "location": "MESH_EXTERNAL", "ports": [port], "resolution": "DNS"}
    draft.add("ServiceEntry", "twin", spec, older=60)
    policy = {"mode": "ALLOW_ANY", "egressProxy": {"host": SERVICE, "port": {"number": 443}}}
    draft.add(
        "Sidecar", "default", {"egress": [{"hosts": [f"{NAMESPACE}/{API}"]}], "outboundTrafficPolicy": policy}, ROOT
    )


@_mesh("http-mutual", _ask(API), _ask(API, port=8080))
def _older_entry_imported_by_wildcard(draft: Draft) -> None:
    _older_entry_imported_by_name(draft)
    _spec(draft, "Sidecar")["egress"] = [{"hosts": [f"{NAMESPACE}/*.bank.example"]}]


# TLS contexts.


@_mesh("http", _ask(API))
def _kept_destination_above_a_subset(draft: Draft) -> None:
    """Automatic mutual TLS to the original destination, whatever the gateway's pods accept."""
    _spec(draft, "DestinationRule")["trafficPolicy"] = {"loadBalancer": {"simple": "PASSTHROUGH"}}


@_mesh("http", _ask(API))
def _kept_destination_of_a_subset(draft: Draft) -> None:
    rule = _spec(draft, "DestinationRule")
    rule["subsets"][0]["trafficPolicy"] = {"loadBalancer": {"simple": "PASSTHROUGH"}}


@_mesh("http", _ask(API))
def _kept_destination_of_a_port(draft: Draft) -> None:
    port = {"port": {"number": 80}, "loadBalancer": {"simple": "PASSTHROUGH"}}
    _spec(draft, "DestinationRule")["subsets"][0]["trafficPolicy"] = {"portLevelSettings": [port]}


# Ports without a protocol: Envoy detects it.


def _detected(draft: Draft, number: int = 80) -> None:
    _spec(draft, "ServiceEntry", "bank")["ports"] = [{"number": number, "name": "any"}]


_ON_80 = (_ask(API), _ask(API, "tcp", port=80), _ask(API, "tls", port=80), _ask(STRANGER, "tcp", port=80))


@_mesh("http", *_ON_80)
def _port_80_without_protocol(draft: Draft) -> None:
    _detected(draft)


@_mesh("http", *_ON_80)
def _port_80_without_protocol_and_rules(draft: Draft) -> None:
    _detected(draft)
    draft.remove(draft.found("VirtualService")[0])


@_mesh("http", *_ON_80)
def _port_80_without_protocol_and_with_any_other(draft: Draft) -> None:
    _detected(draft)
    draft.mesh["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY"}


@_mesh("http", *_ON_80)
def _port_80_without_protocol_beside_an_http_service(draft: Draft) -> None:
    _detected(draft)
    _entry(draft, PAY)


@_mesh("http", *_ON_80)
def _port_80_without_protocol_beside_an_older_http_service(draft: Draft) -> None:
    _detected(draft)
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    spec = {"hosts": [PAY], "location": "MESH_EXTERNAL", "ports": ports, "resolution": "DNS"}
    draft.add("ServiceEntry", "pay", spec, older=60)


_ON_8000 = tuple(_ask(API, each, port=8000) for each in ("http", "tcp", "tls", "https"))


@_mesh("http", *_ON_8000)
def _port_8000_without_protocol(draft: Draft) -> None:
    _detected(draft, 8000)


# Names of the cluster for hosts outside it.


def _alias(draft: Draft, name: str = "ext", of: str = API) -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    manifest = draft.add("Service", name, {"type": "ExternalName", "externalName": of, "ports": ports})
    manifest["apiVersion"] = "v1"


_ALIAS = f"ext.{NAMESPACE}.svc.cluster.local"


@_mesh("http", _ask(_ALIAS), _ask(API), _ask(_ALIAS, "https"), _ask(_ALIAS, "tcp", port=80))
def _external_name(draft: Draft) -> None:
    _alias(draft)


@_mesh("passthrough", _ask(_ALIAS, "https"), _ask(_ALIAS), _ask(API, "https"))
def _external_name_with_tls(draft: Draft) -> None:
    _alias(draft)


@_mesh("http", _ask(_ALIAS), _ask(_ALIAS, port=8080))
def _external_name_of_a_host_without_rules(draft: Draft) -> None:
    _alias(draft)
    draft.remove(draft.found("VirtualService")[0])


@_mesh("http", _ask(_ALIAS), _ask(API))
def _external_name_of_a_host_that_is_not_declared(draft: Draft) -> None:
    _alias(draft, of=STRANGER)


@_mesh("passthrough", _ask(_ALIAS, "https"), _ask(API, "https"))
def _external_name_with_tls_and_without_rules(draft: Draft) -> None:
    _alias(draft)
    draft.remove(draft.found("VirtualService")[0])


@_mesh("http", _ask(_ALIAS), _ask(f"more.{NAMESPACE}.svc.cluster.local"), _ask(f"ext.{NAMESPACE}"))
def _external_name_of_an_external_name(draft: Draft) -> None:
    _alias(draft)
    _alias(draft, "more", _ALIAS)
    draft.remove(draft.found("VirtualService")[0])


@_mesh("http", _ask(_ALIAS), _ask(API))
def _external_name_that_a_sidecar_does_not_import(draft: Draft) -> None:
    _alias(draft)
    draft.add("Sidecar", "default", {"egress": [{"hosts": [f"{NAMESPACE}/*.bank.example"]}]}, "team-a")


@_mesh("http", _ask(_ALIAS), _ask(API))
def _external_name_at_a_gateway_for_every_host(draft: Draft) -> None:
    _alias(draft)
    _to_gateway(draft, ["*"])


# Names of Services of the cluster, whose traffic uses no gateway.


_WEB = "web.team-a.svc.cluster.local"


@_mesh(
    "http",
    *(_ask(each, port=8080) for each in (_WEB, "web.team-a.svc", "web.team-a", "web")),
    *(_ask(each, client="team-b/batch", port=8080) for each in (_WEB, "web.team-a")),
)
def _service_of_the_cluster(draft: Draft) -> None:
    """A server for every host at the gateway changes nothing."""
    _spec(draft, "Gateway")["servers"][0]["hosts"] = ["*"]


# Hosts that a proxy resolves for each request.


def _resolved_on_request(draft: Draft, **rule: object) -> None:
    """A wildcard ServiceEntry with DYNAMIC_DNS in the place of the host."""
    entry = _spec(draft, "ServiceEntry")
    entry["resolution"], entry["hosts"] = "DYNAMIC_DNS", [WILDCARD]
    entry.pop("endpoints", None)
    if rule:
        draft.add("DestinationRule", "wild", {"host": WILDCARD, "trafficPolicy": rule})


def _through_the_gateway(draft: Draft, protocol: str) -> None:
    service = _spec(draft, "VirtualService")
    service["hosts"] = [WILDCARD]
    for each in service[protocol]:
        for match in each.get("match", ()):
            if "sniHosts" in match:
                match["sniHosts"] = [WILDCARD]
    service[protocol][1]["route"][0]["destination"]["host"] = WILDCARD
    _spec(draft, "Gateway")["servers"][0]["hosts"] = [WILDCARD]


@_mesh("http", _ask(API), _ask(PAY), _ask(STRANGER))
def _dynamic_dns_at_the_gateway(draft: Draft) -> None:
    _resolved_on_request(draft)
    _through_the_gateway(draft, "http")


@_mesh("http", _ask(API), _ask(PAY))
def _dynamic_dns_with_tls_at_the_gateway(draft: Draft) -> None:
    _resolved_on_request(draft, tls={"mode": "SIMPLE"})
    _through_the_gateway(draft, "http")


@_mesh("passthrough", _ask(API, "https"), _ask(PAY, "https"))
def _dynamic_dns_for_tls_at_the_gateway(draft: Draft) -> None:
    _resolved_on_request(draft)
    _through_the_gateway(draft, "tls")


@_mesh("http", _ask(API), _ask(PAY))
def _dynamic_dns_at_the_sidecar(draft: Draft) -> None:
    _resolved_on_request(draft)
    draft.remove(draft.found("VirtualService")[0])


@_mesh("passthrough", _ask(API, "https"), _ask(PAY, "https"))
def _dynamic_dns_for_tls_at_the_sidecar(draft: Draft) -> None:
    _resolved_on_request(draft)
    draft.remove(draft.found("VirtualService")[0])
