"""The breakages B01 to B36 as changes to canonical configurations.

Each has the place of its fault. Source: docs/domain/istio.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.checks.istio.trace.traced import NAMESPACE, changed, istio, mesh_settings, plus, without
from tests.clusters.compose import Cluster

HTTP, PASSTHROUGH, ORIGINATION = "base", "tls-passthrough", "tls-origination"
MUTUAL, WILDCARD = "mutual-tls-origination", "wildcard-host"
ALL = (HTTP, PASSTHROUGH, ORIGINATION, MUTUAL, WILDCARD)
PLAIN = (HTTP, ORIGINATION, MUTUAL)
"""Configurations that applications call by http://."""
SEALED = (PASSTHROUGH, WILDCARD)
"""Configurations that applications call by https://."""
ORIGINATING = (ORIGINATION, MUTUAL)

VS, GATEWAY, ENTRY = "direct-cnn-through-egress-gateway", "istio-egressgateway", "cnn"
TO_GATEWAY, ORIGINATE = "egressgateway-for-cnn", "originate-tls-for-cnn"
SERVICE = "egw.team-egress.svc.cluster.local"

CLIENT, SIDECAR, MESH_ROUTE, SERVICE_HOP = "client", "sidecar", "route at the sidecar", "gateway Service"
SERVER, GATEWAY_ROUTE, IN_MESH = "Gateway server", "route at the gateway", "destination in the mesh"
STATIC, DESTINATION = "static egress", "destination"


def host_of(configuration: str) -> str:
    return "*.wikipedia.org" if configuration == WILDCARD else "edition.cnn.com"


def client_host_of(configuration: str) -> str:
    """A host that a client requests: under a wildcard, one of its names."""
    return "en.wikipedia.org" if configuration == WILDCARD else host_of(configuration)


def kind_of(configuration: str) -> str:
    return "tls" if configuration in SEALED else "http"


def port_of(configuration: str) -> int:
    return 443 if configuration in SEALED else 80


Break = Callable[[Cluster, str], Cluster]


@dataclass(frozen=True)
class Breakage:
    """A breakage of some configurations, with the expected hop, fault, outcome and answer.

    The answer may be several parts, separated by ` | `. `code` is the check that fails or warns. `fixable` is set if
    corrections restore the route. `client` is the client of the question.
    """

    b: str
    name: str
    on: tuple[str, ...]
    do: Break
    hop: str
    cause: str
    outcome: str
    answer: str
    code: str
    fixable: bool = True
    client: str | None = None

    def __str__(self) -> str:
        return f"{self.b} {self.name}"


def vs(change: Callable[[Any, str], object]) -> Break:
    return lambda cluster, on: changed(cluster, "VirtualService", VS, lambda each: change(each["spec"], on))


def rule(index: int, change: Callable[[Any, str], object]) -> Break:
    return vs(lambda spec, on: change(spec[kind_of(on)][index], on))


def gateway(change: Callable[[Any, str], object]) -> Break:
    return lambda cluster, on: changed(cluster, "Gateway", GATEWAY, lambda each: change(each["spec"], on))


def entry(change: Callable[[Any, str], object]) -> Break:
    return lambda cluster, on: changed(cluster, "ServiceEntry", ENTRY, lambda each: change(each["spec"], on))


def to_gateway(change: Callable[[Any, str], object]) -> Break:
    return lambda cluster, on: changed(cluster, "DestinationRule", TO_GATEWAY, lambda each: change(each["spec"], on))


def originate(change: Callable[[Any, str], object]) -> Break:
    return lambda cluster, on: changed(cluster, "DestinationRule", ORIGINATE, lambda each: change(each["spec"], on))


def put(**values: Any) -> Callable[[Any, str], object]:
    return lambda spec, _: spec.update(values)


def _destination(**values: Any) -> Callable[[Any, str], object]:
    return lambda each, _: each["route"][0]["destination"].update(values)


def _wrong_kind(spec: Any, on: str) -> None:
    """The rules in the other kind, as in a copy of the wrong example."""
    mine, other = kind_of(on), "http" if kind_of(on) == "tls" else "tls"
    rules = spec.pop(mine)
    for each in rules:
        for match in each["match"]:
            match.pop("sniHosts", None)
            if other == "tls":
                match["sniHosts"] = [host_of(on)]
    spec[other] = rules


def _wrong_kind_at_gateway(spec: Any, on: str) -> None:
    mine, other = kind_of(on), "http" if kind_of(on) == "tls" else "tls"
    moved = spec[mine].pop(1)
    for match in moved["match"]:
        match.pop("sniHosts", None)
        if other == "tls":
            match["sniHosts"] = [host_of(on)]
    spec[other] = [moved]


def _elsewhere(cluster: Cluster, on: str) -> Cluster:
    """An older VirtualService for the host that sends sidecars straight out."""
    match: dict[str, Any] = {"port": port_of(on)} | ({"sniHosts": [host_of(on)]} if on in SEALED else {})
    destination = {"host": host_of(on), "port": {"number": port_of(on)}}
    spec = {"hosts": [host_of(on)], kind_of(on): [{"match": [match], "route": [{"destination": destination}]}]}
    return plus(cluster, istio("VirtualService", "straight", spec), age="400d")


def _older_gateway(cluster: Cluster, on: str) -> Cluster:
    """Another team's older Gateway with the other protocol on the port."""
    port: dict[str, Any] = {"number": port_of(on), "name": "theirs"}
    server: dict[str, Any] = {"port": port, "hosts": ["shop.example.com"]}
    if on == HTTP:
        port["protocol"] = "TLS"
        server["tls"] = {"mode": "PASSTHROUGH"}
    else:
        port["protocol"] = "HTTP"
    spec = {"selector": {"istio": "egw"}, "servers": [server]}
    return plus(cluster, istio("Gateway", "theirs", spec, "team-b"), age="400d")


def _sidecar(cluster: Cluster, on: str) -> Cluster:
    spec = {"egress": [{"hosts": ["./*", "aks-istio-system/*"]}]}
    return plus(cluster, istio("Sidecar", "default", spec, "team-a"))


def _deny_all(cluster: Cluster, on: str) -> Cluster:
    return plus(cluster, istio("AuthorizationPolicy", "deny-all", {}, group="security"))


def _allow_any(cluster: Cluster) -> Cluster:
    return mesh_settings(cluster, lambda settings: settings.update(outboundTrafficPolicy={"mode": "ALLOW_ANY"}))


def _bypass(cluster: Cluster, on: str) -> Cluster:
    """No object configures the host, and unknown hosts pass."""
    for kind, name in (("VirtualService", VS), ("ServiceEntry", ENTRY), ("Gateway", GATEWAY)):
        cluster = without(cluster, kind, name)
    return _allow_any(cluster)


def _undiscovered(cluster: Cluster, on: str) -> Cluster:
    chosen = [{"matchLabels": {"kubernetes.io/metadata.name": each}} for each in ("team-a", "team-b")]
    return mesh_settings(cluster, lambda settings: settings.update(discoverySelectors=chosen))


def _no_sidecar(cluster: Cluster, on: str) -> Cluster:
    def bare(pod: Any) -> None:
        for part in ("containers", "initContainers"):
            pod["spec"][part] = [each for each in pod["spec"].get(part, []) if each["name"] != "istio-proxy"]

    def unlabelled(namespace: Any) -> None:
        namespace["metadata"]["labels"].pop("istio.io/rev", None)

    name = next(
        o["metadata"]["name"] for o in cluster.objects if o["kind"] == "Pod" and o["metadata"]["namespace"] == "team-a"
    )
    cluster = changed(cluster, "Pod", name, bare, "team-a")
    return changed(cluster, "Namespace", "team-a", unlabelled, "")


def _policy_tls(spec: Any, mode: str) -> None:
    for subset in spec["subsets"]:
        subset["trafficPolicy"] = {"tls": {"mode": mode, "sni": "edition.cnn.com"}}


def _tls_to_gateway(tls: dict[str, Any] | None) -> Callable[[Any, str], object]:
    def change(spec: Any, _: str) -> None:
        entry_ = spec["subsets"][0]["trafficPolicy"]["portLevelSettings"][0]
        entry_.pop("tls")
        if tls is not None:
            entry_["tls"] = tls

    return change


def _dropped(spec: Any, on: str) -> None:
    """TLS for all ports, and an entry for one port that does not repeat it."""
    tls = spec["trafficPolicy"]["portLevelSettings"][0]["tls"]
    entry_ = {"port": {"number": 443}, "loadBalancer": {"simple": "ROUND_ROBIN"}}
    spec["trafficPolicy"] = {"tls": tls, "portLevelSettings": [entry_]}


def _dropped_to_gateway(spec: Any, on: str) -> None:
    policy = spec["subsets"][0]["trafficPolicy"]
    tls = policy["portLevelSettings"][0]["tls"]
    policy["tls"] = tls
    policy["portLevelSettings"] = [{"port": {"number": 80}, "loadBalancer": {"simple": "ROUND_ROBIN"}}]


def _to_plain_port(cluster: Cluster, on: str) -> Cluster:
    """TLS by the DestinationRule for every port, and the gateway's rule to port 80."""
    if on == HTTP:
        spec = {"host": host_of(on), "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
        return plus(cluster, istio("DestinationRule", ORIGINATE, spec))
    cluster = originate(lambda spec, _: spec.update(trafficPolicy={"tls": {"mode": "SIMPLE"}}))(cluster, on)
    return rule(1, _destination(port={"number": 80}))(cluster, on)


def _in_team_a(cluster: Cluster, on: str) -> Cluster:
    """The DestinationRule for the destination in an application's namespace."""
    found = next(o for o in cluster.objects if o["kind"] == "DestinationRule" and o["metadata"]["name"] == ORIGINATE)
    spec = {key: value for key, value in found["spec"].items() if key != "exportTo"}
    cluster = without(cluster, "DestinationRule", ORIGINATE)
    return plus(cluster, istio("DestinationRule", ORIGINATE, spec, "team-a"))


def _double(cluster: Cluster, on: str) -> Cluster:
    spec = {"host": host_of(on), "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
    return plus(cluster, istio("DestinationRule", "tls-for-it", spec))


def _older_rule(cluster: Cluster, on: str) -> Cluster:
    """An older DestinationRule for the gateway's Service that has the subset without its TLS."""
    return plus(cluster, istio("DestinationRule", "old", {"host": SERVICE, "subsets": [{"name": "cnn"}]}), age="400d")


def _secret_elsewhere(cluster: Cluster, on: str) -> Cluster:
    def move(secret: Any) -> None:
        secret["metadata"]["namespace"] = "team-a"

    return changed(cluster, "Secret", "client-credential", move)


def _log(cluster: Cluster, on: str) -> Cluster:
    from dataclasses import replace

    port = 443 if on != HTTP else 80
    line = (
        '[2026-11-23T09:59:50.000Z] "GET / HTTP/1.1" 503 UH no_healthy_upstream - "-" 0 19 0 - "10.244.2.11" "curl/8.9.1" '
        f'"0ba8c89d" "{host_of(on)}" "-" outbound|{port}||{host_of(on)} - 10.244.0.5:80 10.244.2.11:40312 - -\n'
    )
    key = f"{NAMESPACE}/egw-asm-1-30-def/istio-proxy"
    return replace(cluster, logs={**cluster.logs, key: cluster.logs[key] + line})


RESET = "reset"
NC, NR = "NC", "404"


def _both(
    b: str,
    name: str,
    do: Break,
    at: tuple[str, str],
    answers: tuple[str, str],
    code: str,
    *,
    outcome: str = "fails",
    fixable: bool = True,
) -> list[Breakage]:
    """One breakage on all configurations, with the answers to http:// and https://."""
    return [
        Breakage(b, name, PLAIN, do, *at, outcome, answers[0], code, fixable),
        Breakage(b, name, SEALED, do, *at, outcome, answers[1], code, fixable),
    ]


BREAKAGES: tuple[Breakage, ...] = (
    *_both(
        "B01",
        "the selector has a typing mistake",
        gateway(put(selector={"istio": "egv"})),
        (SERVER, "not-selected"),
        ("503 (UF", RESET),
        "EG505",
    ),
    *_both(
        "B03",
        "the Gateway was deleted",
        lambda c, _: without(c, "Gateway", GATEWAY),
        (SERVER, "no-such-gateway"),
        ("503 (UF", RESET),
        "EG505",
    ),
    *_both(
        "B04",
        "the Gateway lists another host",
        gateway(lambda s, _: s["servers"][0].update(hosts=["www.example.org"])),
        (SERVER, "no-overlap"),
        ("404 | 503", RESET),
        "EG507",
    ),
    *_both(
        "B05",
        "mesh is missing",
        vs(put(gateways=[GATEWAY])),
        (MESH_ROUTE, "not-mesh"),
        ("", ""),
        "EG507",
        outcome="bypasses",
    ),
    *_both(
        "B06",
        "the VirtualService does not name the Gateway",
        vs(put(gateways=["mesh"])),
        (GATEWAY_ROUTE, "not-bound"),
        (NR, RESET),
        "EG507",
    ),
    *_both(
        "B06",
        "the VirtualService names a Gateway that does not exist",
        vs(put(gateways=["egress", "mesh"])),
        (GATEWAY_ROUTE, "no-such-gateway"),
        (NR, RESET),
        "EG507",
    ),
    *_both(
        "B06",
        "no rule holds at the gateway",
        vs(lambda s, on: s[kind_of(on)].pop(1)),
        (GATEWAY_ROUTE, "no-gateway-rule"),
        (NR, RESET),
        "EG507",
    ),
    *_both(
        "B07",
        "the Service's name is cut short",
        rule(0, _destination(host="egw.team-egress")),
        (MESH_ROUTE, "wrong-name"),
        (NC, RESET),
        "EG507",
    ),
    *_both(
        "B07",
        "the Service has no such port",
        rule(0, _destination(port={"number": 8080})),
        (SERVICE_HOP, "wrong-port"),
        (NC, RESET),
        "EG507",
    ),
    *_both(
        "B07",
        "the subset is not defined",
        rule(0, _destination(subset="bank")),
        (MESH_ROUTE, "no-subset"),
        (NC, RESET),
        "EG507",
    ),
    *_both(
        "B08",
        "the rule for sidecars holds at the gateway, too",
        rule(0, lambda r, _: [m.pop("gateways") for m in r["match"]]),
        (GATEWAY_ROUTE, "loop"),
        ("503", "loop | reset"),
        "EG507",
    ),
    *_both(
        "B09",
        "the VirtualService is kept to its namespace",
        vs(put(exportTo=["."])),
        (MESH_ROUTE, "not-seen-by-clients"),
        ("", ""),
        "EG507",
        outcome="bypasses",
    ),
    *_both(
        "B09",
        "the VirtualService is not exported to the gateway",
        vs(put(exportTo=["team-a", "team-b"])),
        (GATEWAY_ROUTE, "not-seen-by-gateway"),
        (NR, RESET),
        "EG507",
    ),
    *_both(
        "B09",
        "the ServiceEntry is not exported to the gateway",
        entry(put(exportTo=["team-a", "team-b"])),
        (IN_MESH, "unknown-destination"),
        (NC, RESET),
        "EG508",
    ),
    Breakage(
        "B09",
        "the ServiceEntry is kept to the gateway's namespace",
        SEALED,
        entry(put(exportTo=["."])),
        MESH_ROUTE,
        "unknown-host",
        "fails",
        RESET,
        "EG508",
    ),
    *_both(
        "B10",
        "the rules are of the other kind",
        vs(_wrong_kind),
        (MESH_ROUTE, "wrong-kind"),
        ("", ""),
        "EG507",
        outcome="bypasses",
    ),
    *_both(
        "B10",
        "the gateway's rule is of the other kind",
        vs(_wrong_kind_at_gateway),
        (GATEWAY_ROUTE, "no-gateway-rule"),
        (NR, RESET),
        "EG507",
    ),
    Breakage(
        "B11",
        "the ServiceEntry was deleted",
        PLAIN,
        lambda c, _: without(c, "ServiceEntry", ENTRY),
        IN_MESH,
        "unknown-destination",
        "fails",
        NC,
        "EG508",
    ),
    Breakage(
        "B11",
        "the ServiceEntry was deleted",
        SEALED,
        lambda c, _: without(c, "ServiceEntry", ENTRY),
        MESH_ROUTE,
        "unknown-host",
        "fails",
        "BlackHole",
        "EG508",
    ),
    Breakage(
        "B12",
        "the ServiceEntry has no resolution",
        PLAIN,
        entry(lambda s, _: (s.pop("resolution"), s.pop("endpoints", None))),
        IN_MESH,
        "not-resolved",
        "fails",
        "503",
        "EG509",
    ),
    Breakage(
        "B12",
        "the ServiceEntry has no resolution",
        (PASSTHROUGH,),
        entry(lambda s, _: (s.pop("resolution"), s.pop("endpoints", None))),
        IN_MESH,
        "not-resolved",
        "fails",
        RESET,
        "EG509",
    ),
    Breakage(
        "B12",
        "the ServiceEntry has no resolution",
        (WILDCARD,),
        entry(lambda s, _: (s.pop("resolution"), s.pop("endpoints", None))),
        IN_MESH,
        "not-resolved",
        "fails",
        RESET,
        "EG509",
        fixable=False,
    ),
    Breakage(
        "B13",
        "the ServiceEntry lacks the port",
        PLAIN,
        entry(put(ports=[{"number": 8080, "name": "http", "protocol": "HTTP"}])),
        IN_MESH,
        "no-destination-port",
        "fails",
        NC,
        "EG507",
    ),
    Breakage(
        "B13",
        "the ServiceEntry lacks the port",
        SEALED,
        entry(put(ports=[{"number": 8443, "name": "tls", "protocol": "TLS"}])),
        MESH_ROUTE,
        "wrong-protocol",
        "fails",
        RESET,
        "EG507",
    ),
    Breakage(
        "B14",
        "port 443 is declared as TCP",
        SEALED,
        entry(lambda s, _: s["ports"][0].update(protocol="TCP")),
        MESH_ROUTE,
        "wrong-protocol",
        "bypasses",
        "",
        "EG507",
    ),
    Breakage(
        "B14",
        "port 443 is declared as HTTP",
        SEALED,
        entry(lambda s, _: s["ports"][0].update(protocol="HTTP")),
        MESH_ROUTE,
        "wrong-protocol",
        "fails",
        "protocol error | reset",
        "EG507",
    ),
    Breakage(
        "B14",
        "port 80 is declared as TCP",
        PLAIN,
        entry(lambda s, _: s["ports"][0].update(protocol="TCP")),
        MESH_ROUTE,
        "wrong-protocol",
        "fails",
        "502 | reset",
        "EG507",
    ),
    Breakage(
        "B15",
        "only the server speaks the mesh's TLS",
        ORIGINATING,
        to_gateway(_tls_to_gateway(None)),
        SERVER,
        "tls-missing",
        "fails",
        "UC",
        "EG510",
    ),
    Breakage(
        "B15",
        "only the sidecars speak the mesh's TLS",
        (HTTP,),
        to_gateway(lambda s, _: _policy_tls(s, "ISTIO_MUTUAL")),
        SERVER,
        "not-to-plain",
        "fails",
        "UC",
        "EG510",
    ),
    Breakage(
        "B15",
        "the sidecars speak ordinary TLS",
        ORIGINATING,
        to_gateway(_tls_to_gateway({"mode": "SIMPLE", "sni": "edition.cnn.com"})),
        SERVER,
        "wrong-mode",
        "fails",
        "UF",
        "EG510",
    ),
    Breakage(
        "B16",
        "no SNI",
        ORIGINATING,
        to_gateway(_tls_to_gateway({"mode": "ISTIO_MUTUAL"})),
        SERVER,
        "no-sni",
        "fails",
        RESET,
        "EG510",
    ),
    Breakage(
        "B16",
        "another host's SNI",
        ORIGINATING,
        to_gateway(_tls_to_gateway({"mode": "ISTIO_MUTUAL", "sni": "www.cnn.com"})),
        SERVER,
        "no-sni",
        "fails",
        RESET,
        "EG510",
    ),
    Breakage(
        "B17",
        "nothing originates TLS",
        ORIGINATING,
        lambda c, _: without(c, "DestinationRule", ORIGINATE),
        IN_MESH,
        "plain-to-tls",
        "fails",
        "400",
        "EG510",
    ),
    Breakage(
        "B18",
        "TLS to port 80",
        PLAIN,
        _to_plain_port,
        IN_MESH,
        "tls-to-plain",
        "fails",
        "WRONG_VERSION_NUMBER",
        "EG510",
    ),
    Breakage(
        "B19",
        "the DestinationRule is in an application's namespace",
        ORIGINATING,
        _in_team_a,
        IN_MESH,
        "plain-to-tls",
        "fails",
        "400",
        "EG510",
    ),
    Breakage(
        "B20",
        "a port entry drops the TLS above it",
        ORIGINATING,
        originate(_dropped),
        IN_MESH,
        "plain-to-tls",
        "fails",
        "400",
        "EG510",
    ),
    Breakage(
        "B20",
        "a port entry drops the mesh's TLS",
        ORIGINATING,
        to_gateway(_dropped_to_gateway),
        SERVER,
        "tls-missing",
        "fails",
        "UC",
        "EG510",
    ),
    Breakage(
        "B21",
        "the gateway wraps TLS that it passes through",
        SEALED,
        _double,
        IN_MESH,
        "double-at-gateway",
        "fails",
        "TLS in TLS",
        "EG510",
    ),
    Breakage(
        "B21",
        "sidecars wrap TLS that the gateway passes through",
        SEALED,
        to_gateway(lambda s, _: _policy_tls(s, "ISTIO_MUTUAL")),
        SERVER,
        "double-at-sidecar",
        "fails",
        "TLS in TLS | reset",
        "EG510",
    ),
    Breakage(
        "B22",
        "the Secret is in another namespace",
        (MUTUAL,),
        _secret_elsewhere,
        IN_MESH,
        "credential-missing",
        "fails",
        "503",
        "EG511",
        fixable=False,
    ),
    Breakage(
        "B22",
        "the Secret lacks a key",
        (MUTUAL,),
        lambda c, _: changed(c, "Secret", "client-credential", lambda s: s["data"].pop("tls.key")),
        IN_MESH,
        "credential-missing",
        "fails",
        "503",
        "EG511",
        fixable=False,
    ),
    Breakage(
        "B23",
        "an older VirtualService sends the host elsewhere",
        ALL,
        _elsewhere,
        MESH_ROUTE,
        "elsewhere",
        "bypasses",
        "",
        "EG507",
    ),
    Breakage(
        "B24",
        "an older Gateway has another protocol on the port",
        ORIGINATING,
        _older_gateway,
        SERVER,
        "server-left-out",
        "fails",
        "503",
        "EG506",
    ),
    Breakage(
        "B24",
        "an older Gateway has another protocol on the port",
        SEALED,
        _older_gateway,
        SERVER,
        "server-left-out",
        "fails",
        RESET,
        "EG506",
    ),
    Breakage(
        "B25",
        "a Sidecar hides the route",
        PLAIN,
        _sidecar,
        MESH_ROUTE,
        "sidecar-hides",
        "fails",
        "502 | reset",
        "EG516",
        client="team-a",
    ),
    Breakage(
        "B25",
        "a Sidecar hides the route",
        SEALED,
        _sidecar,
        MESH_ROUTE,
        "sidecar-hides",
        "fails",
        "BlackHole",
        "EG516",
        client="team-a",
    ),
    Breakage(
        "B26",
        "nothing knows the host, and unknown hosts pass",
        ALL,
        _bypass,
        MESH_ROUTE,
        "no-route",
        "bypasses",
        "",
        "EG507",
        fixable=False,
    ),
    *_both("B27", "a deny-all in the gateway's namespace", _deny_all, (SERVER, "denied"), ("403", RESET), "EG513"),
    *_both(
        "B28",
        "istiod does not discover the gateway's namespace",
        _undiscovered,
        (MESH_ROUTE, "not-discovered"),
        ("502 | reset", "BlackHole"),
        "EG517",
    ),
    Breakage(
        "B29",
        "the client has no sidecar",
        ALL,
        _no_sidecar,
        CLIENT,
        "not-injected",
        "bypasses",
        "",
        "EG515",
        client="team-a",
        fixable=False,
    ),
    *_both(
        "B30",
        "the server's port is not one of the Service's",
        gateway(lambda s, _: s["servers"][0]["port"].update(number=8443)),
        (SERVER, "no-server"),
        ("503 (UF", RESET),
        "EG506",
    ),
    Breakage(
        "B32",
        "of two DestinationRules the older has no TLS",
        ORIGINATING,
        _older_rule,
        SERVER,
        "tls-missing",
        "fails",
        "UC",
        "EG510",
    ),
    Breakage(
        "B35",
        "the DestinationRule is exported to no namespace",
        ORIGINATING,
        originate(put(exportTo=["~"])),
        IN_MESH,
        "plain-to-tls",
        "fails",
        "400",
        "EG510",
    ),
    *_both(
        "B36",
        "the destination's name gives no address",
        _log,
        (DESTINATION, "no-answer"),
        ("UH", RESET),
        "",
        fixable=False,
    ),
)
