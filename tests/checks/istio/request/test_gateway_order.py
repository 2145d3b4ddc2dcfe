"""Several servers, rules and policies at the gateway: which one decides.

A client of the gateway's namespace routes every request for the shop there. Source: Istio
`pilot/pkg/networking/core/gateway.go`, `pilot/pkg/security/authz`.
"""

import copy
from dataclasses import replace
from typing import Any

import pytest

from tests.checks.istio.request.sent import (
    BASE,
    GATEWAY,
    NEW,
    OLD,
    SHOP,
    arrivals,
    arrives,
    encrypted,
    entry,
    made,
    routed,
    to,
)
from tests.clusters.compose import named

EGRESS = "team-egress"
SELECTOR = {"selector": {"istio": "egw"}}
HTTP = {"number": 80, "name": "http", "protocol": "HTTP"}


def gateway(
    *hosts: str, name: str = "shop", age: str = "10d", port: dict[str, Any] | None = None, **server: Any
) -> dict[str, Any]:
    """A Gateway with one server."""
    servers = [{"hosts": list(hosts), "port": port or HTTP, **server}]
    return made("Gateway", name, {**SELECTOR, "servers": servers}, EGRESS, age)


def at_gateway(name: str, host: str, destination: str, age: str = "10d", **spec: Any) -> dict[str, Any]:
    """A VirtualService for the Gateway `shop`."""
    return routed(name, host, destination, EGRESS, age, **{"gateways": [f"{EGRESS}/shop"], **spec})


def to_gateway(*hosts: str, port: int = 80, **rule: Any) -> dict[str, Any]:
    """The rule for sidecars."""
    return routed("to-gateway", "", "", hosts=list(hosts), http=[{"route": [to(GATEWAY, port)], **rule}])


SENT = (OLD, NEW, entry(SHOP), to_gateway(SHOP), gateway(SHOP))
"""Everything but a rule at the gateway. Both destinations are declared for no other host."""


def test_the_older_virtualservice_of_a_gateway_decides() -> None:
    older, younger = at_gateway("z", SHOP, "old.example", "20d"), at_gateway("a", SHOP, "new.example", "10d")
    assert arrives(*SENT, younger, older) == "old.example:80"


def test_a_rule_with_a_condition_is_reached_also_if_an_older_virtualservice_matches_everything() -> None:
    older = at_gateway("z", SHOP, "old.example", "20d")
    conditional = {"match": [{"uri": {"prefix": "/v1"}}], "route": [to("new.example")]}
    assert arrives(*SENT, older, at_gateway("a", SHOP, "", http=[conditional]), path="/v1") == "new.example:80"


def test_the_longer_wildcard_of_a_gateway_decides() -> None:
    www = "www.shop.example"
    sent = (OLD, NEW, entry(www), to_gateway(www), gateway("*.example"))
    wide, narrow = at_gateway("w", "*.example", "old.example", "20d"), at_gateway("n", "*.shop.example", "new.example")
    assert arrives(*sent, wide, narrow, url=f"http://{www}") == "new.example:80"


def test_a_server_that_names_a_namespace_takes_rules_of_that_namespace_only() -> None:
    mine = at_gateway("mine", SHOP, "old.example")
    assert arrives(OLD, NEW, entry(SHOP), to_gateway(SHOP), gateway(f"team-egress/{SHOP}"), mine) == "old.example:80"
    found = arrives(OLD, NEW, entry(SHOP), to_gateway(SHOP), gateway(f"team-b/{SHOP}"), mine)
    assert found == f"no virtual host of http.80 for {SHOP}"


def test_a_match_block_for_another_gateway_matches_nothing_at_this_one() -> None:
    rules = [
        {"match": [{"gateways": ["team-egress/other"]}], "route": [to("old.example")]},
        {"match": [{"gateways": ["team-egress/shop"]}], "route": [to("new.example")]},
    ]
    gateways = ["team-egress/other", "team-egress/shop"]
    assert arrives(*SENT, at_gateway("both", SHOP, "", http=rules, gateways=gateways)) == "new.example:80"


def test_a_destination_without_port_has_the_port_of_the_virtualservices_namespace() -> None:
    """The gateway's cluster is that of the older ServiceEntry, which has another port."""
    older, own = entry("pay.example", age="20d"), entry("pay.example", EGRESS, port=8080)
    rule = {"route": [{"destination": {"host": "pay.example"}}]}
    found = arrives(*SENT, older, own, at_gateway("pay", SHOP, "", http=[rule]))
    assert found == "no cluster outbound|8080||pay.example"


def test_a_server_with_tls_keeps_a_host_that_an_older_one_has() -> None:
    """The older Gateway passes TLS through, the younger one ends it."""
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    older = gateway(SHOP, age="20d", port=port, tls={"mode": "PASSTHROUGH"})
    terminated = {"number": 443, "name": "https", "protocol": "HTTPS"}
    younger = gateway(SHOP, "b.example", name="other", age="10d", port=terminated, tls={"mode": "SIMPLE"})
    rule = {"match": [{"sniHosts": [SHOP], "gateways": ["team-egress/shop"]}], "route": [to("old.example", 443)]}
    first = {"match": [{"sniHosts": [SHOP], "gateways": ["mesh"]}], "route": [to(GATEWAY, 443)]}
    both = at_gateway("tls", SHOP, "", tls=[first, rule], http=[], gateways=["mesh", "team-egress/shop"])
    secure = entry("old.example", port=443, age="9d")
    found = arrives(older, younger, both, entry(SHOP, port=443), secure, url=f"https://{SHOP}")
    assert found == "old.example:443"
    refused = routed("b", "b.example", "", tls=[{**first, "match": [{"sniHosts": ["b.example"]}]}], http=[])
    found = arrives(older, younger, both, refused, secure, entry("b.example", port=443), url="https://b.example")
    assert found == "no filter chain of 0.0.0.0_443 matches"


def test_of_two_rules_for_one_server_name_the_older_virtualservices_counts() -> None:
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    server = gateway(SHOP, port=port, tls={"mode": "PASSTHROUGH"})

    def rule(name: str, destination: str, age: str, *, mesh: bool) -> dict[str, Any]:
        match = [{"sniHosts": [SHOP], "gateways": ["team-egress/shop"]}]
        first = [{"match": [{"sniHosts": [SHOP], "gateways": ["mesh"]}], "route": [to(GATEWAY, 443)]}] if mesh else []
        rules = [*first, {"match": match, "route": [to(destination, 443)]}]
        return at_gateway(name, SHOP, "", age, tls=rules, http=[], gateways=["mesh", "team-egress/shop"])

    older, younger = rule("z", "old.example", "20d", mesh=True), rule("a", "new.example", "10d", mesh=False)
    secure = [entry(each, port=443, age="9d") for each in ("old.example", "new.example", SHOP)]
    assert arrives(server, older, younger, *secure, url=f"https://{SHOP}") == "old.example:443"


def test_a_server_that_redirects_answers_every_plain_request() -> None:
    redirecting = gateway(SHOP, tls={"httpsRedirect": True})
    found = arrives(OLD, entry(SHOP), to_gateway(SHOP), redirecting, at_gateway("r", SHOP, "old.example"))
    assert found == "httpsRedirect"


# AuthorizationPolicies


def policy(action: str, *rules: dict[str, Any], namespace: str = EGRESS, name: str = "") -> dict[str, Any]:
    spec = {"action": action, "rules": list(rules)}
    return made("AuthorizationPolicy", name or action.lower(), spec, namespace, group="security")


def operation(**fields: Any) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


ALLOWED = (*SENT, at_gateway("r", SHOP, "old.example"))
ROOT = "aks-istio-system"


def test_deny_decides_before_allow() -> None:
    found = arrives(*ALLOWED, policy("ALLOW", {}), policy("DENY", operation(hosts=[SHOP])))
    assert found == "AuthorizationPolicy team-egress/deny denies the request"
    assert arrives(*ALLOWED, policy("ALLOW", {}), policy("DENY", operation(hosts=["x.example"]))) == "old.example:80"


@pytest.mark.parametrize(("namespace", "denied"), [(EGRESS, True), (ROOT, True), ("team-a", False)])
def test_policies_of_the_root_namespace_and_of_the_gateways_apply(namespace: str, denied: bool) -> None:
    found = arrives(*ALLOWED, policy("DENY", {}, namespace=namespace))
    assert found.endswith("denies the request") is denied


def test_what_a_rule_excludes_does_not_match() -> None:
    assert arrives(*ALLOWED, policy("ALLOW", operation(notHosts=[SHOP]))).endswith("allow denies the request")
    assert arrives(*ALLOWED, policy("ALLOW", operation(notHosts=["x.example"]))) == "old.example:80"


def test_a_denying_rule_loses_its_http_fields_on_tls() -> None:
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    rules = [
        {"match": [{"sniHosts": [SHOP], "gateways": ["mesh"]}], "route": [to(GATEWAY, 443)]},
        {"match": [{"sniHosts": [SHOP], "gateways": ["team-egress/shop"]}], "route": [to(SHOP, 443)]},
    ]
    both = at_gateway("tls", SHOP, "", tls=rules, http=[], gateways=["mesh", "team-egress/shop"])
    secure = (gateway(SHOP, port=port, tls={"mode": "PASSTHROUGH"}), both, entry(SHOP, port=443))
    assert arrives(*secure, url=f"https://{SHOP}") == f"{SHOP}:443"
    found = arrives(*secure, policy("DENY", operation(methods=["DELETE"])), url=f"https://{SHOP}")
    assert found == "AuthorizationPolicy team-egress/deny denies the connection"


# Rules


def test_shares_of_destinations_and_of_a_fault() -> None:
    split = {"route": [to("old.example", weight=75), to("new.example", weight=25)]}
    assert arrivals(*SENT, at_gateway("s", SHOP, "", http=[split])) == {"old.example:80": 75, "new.example:80": 25}
    half = {"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 50}}}, "route": [to("old.example")]}
    assert arrivals(*SENT, at_gateway("s", SHOP, "", http=[half])) == {"old.example:80": 50, "fault injection": 50}


@pytest.mark.parametrize(
    ("uri", "path", "matches"),
    [
        ({"exact": "/v1"}, "/v1", True),
        ({"exact": "/v1"}, "/v1/users", False),
        ({"prefix": "/v1"}, "/v12", True),
        ({"regex": "/v[0-9]"}, "/v1", True),
        ({"regex": "/v[0-9]"}, "/v1/users", False),
    ],
)
def test_a_path_matches_exactly_by_its_beginning_or_as_a_whole_expression(
    uri: dict[str, str], path: str, matches: bool
) -> None:
    rules = [{"match": [{"uri": uri}], "route": [to("old.example")]}, {"route": [to("new.example")]}]
    expected = "old.example:80" if matches else "new.example:80"
    assert arrives(*SENT, at_gateway("p", SHOP, "", http=rules), path=path) == expected


@pytest.mark.parametrize(
    ("rule", "destination"),
    [
        ({"headers": {"request": {"set": {"host": "a.example"}}}}, {}),
        ({}, {"headers": {"request": {"set": {"host": "a.example"}}}}),
        ({"rewrite": {"authority": "a.example"}, "headers": {"request": {"set": {"host": "b.example"}}}}, {}),
    ],
)
def test_the_gateway_gets_the_authority_that_the_sidecar_sets(
    rule: dict[str, Any], destination: dict[str, Any]
) -> None:
    """The gateway has a rule for the new authority only."""
    first = to_gateway(SHOP, **rule)
    first["spec"]["http"][0]["route"][0] |= destination
    known = (OLD, entry(SHOP), first, gateway("*"))
    found = arrives(*known, at_gateway("a", "a.example", "old.example"))
    assert found == "arrives at old.example:80, which is declared for another host"


def test_the_gateway_sends_the_server_name_of_its_settings_or_the_authority() -> None:
    secure = entry("old.example", port=443, age="9d")
    rule = at_gateway("r", SHOP, "", http=[{"route": [to("old.example", 443)]}])
    names = tls_to(subjectAltNames=[SHOP])
    assert arrives(*SENT, secure, rule, names) == "old.example:443"


def tls_to(**more: Any) -> dict[str, Any]:
    policy_ = {"tls": {"mode": "SIMPLE", **more}}
    return encrypted("secure", "old.example", "", EGRESS, trafficPolicy=policy_)


def test_a_service_that_is_exported_to_the_gateway_decides_before_an_older_public_one() -> None:
    public = entry("pay.example", age="20d", at="old.example")
    exported = entry("pay.example", "team-b", "10d", at="new.example", exportTo=[EGRESS])
    assert arrives(*SENT, public, exported, at_gateway("pay", SHOP, "pay.example")) == "new.example:80"


def test_the_gateway_has_no_endpoint_of_a_service_without_resolution() -> None:
    """A sidecar keeps the address of a connection; at the gateway that is the gateway's own."""
    unresolved = entry("pay.example", resolution="NONE")
    found = arrives(*SENT, unresolved, at_gateway("pay", SHOP, "pay.example"))
    assert found == "no endpoint of outbound|80||pay.example"


def test_the_server_name_of_a_request_has_no_port() -> None:
    secure = entry("old.example", port=443, age="9d")
    known = (secure, entry(SHOP, port=8080), to_gateway(SHOP), gateway(SHOP), tls_to(subjectAltNames=[SHOP]))
    rule = at_gateway("r", SHOP, "", http=[{"route": [to("old.example", 443)]}])
    assert arrives(*known, rule, url=f"http://{SHOP}:8080") == "old.example:443"


def test_the_authority_of_a_credential_may_be_in_a_secret_beside_it() -> None:
    pair, authority = secret("bank", cert="eA==", key="eA=="), secret("bank-cacert", cacert="eA==")
    policy_ = {"tls": {"mode": "MUTUAL", "credentialName": "bank"}}
    mutual = encrypted("mutual", "old.example", "", EGRESS, trafficPolicy=policy_)
    known = (*SENT, entry("old.example", port=443, age="9d"), mutual)
    rule = at_gateway("r", SHOP, "", http=[{"route": [to("old.example", 443)]}])
    assert arrives(*known, rule, pair) == "the cluster waits for Secret bank"
    assert arrives(*known, rule, pair, authority) == "old.example:443"


def test_a_subset_of_the_gateways_service_without_a_pod_has_no_endpoint() -> None:
    def subset(**labels: str) -> dict[str, Any]:
        spec = {"host": GATEWAY, "subsets": [{"name": "v", "labels": labels}]}
        return made("DestinationRule", "v", spec, EGRESS)

    first = routed("to-gateway", SHOP, "", http=[{"route": [to(GATEWAY, subset="v")]}])
    known = (OLD, entry(SHOP), first, gateway(SHOP), at_gateway("r", SHOP, "old.example"))
    assert arrives(*known, subset(app="egw")) == "old.example:80"
    assert arrives(*known, subset(app="other")) == f"no endpoint of outbound|80|v|{GATEWAY}"


def test_a_server_listens_on_the_target_port_of_the_gateways_service() -> None:
    objects = copy.deepcopy(named(BASE).objects)
    for each in objects:
        if each["metadata"].get("namespace") == EGRESS and each["kind"] in ("Service", "EndpointSlice"):
            for port in each.get("ports") or each["spec"]["ports"]:
                if port["name"] == "http2":
                    port["targetPort" if each["kind"] == "Service" else "port"] = 8080
    moved = replace(named(BASE), objects=objects)
    assert arrives(*SENT, at_gateway("r", SHOP, "old.example"), on=moved) == "old.example:80"


def test_the_server_name_of_a_sidecars_settings_selects_the_server() -> None:
    def mutual(**more: str) -> dict[str, Any]:
        policy_ = {"tls": {"mode": "ISTIO_MUTUAL", **more}}
        return encrypted("to-gateway", GATEWAY, "", EGRESS, trafficPolicy=policy_)

    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    server = gateway(SHOP, port=port, tls={"mode": "ISTIO_MUTUAL"})
    known = (OLD, entry(SHOP), to_gateway(SHOP, port=443), server, at_gateway("r", SHOP, "old.example"))
    assert arrives(*known, mutual(sni=SHOP)) == "old.example:80"
    assert arrives(*known, mutual()) == "no filter chain of 0.0.0.0_443 matches"


HTTPS = {"number": 443, "name": "https", "protocol": "HTTPS"}


def secret(name: str, namespace: str = EGRESS, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}


@pytest.mark.parametrize(
    ("server", "client", "outcome"),
    [
        ({"mode": "ISTIO_MUTUAL"}, {"mode": "ISTIO_MUTUAL", "sni": SHOP}, "old.example:80"),
        ({"mode": "ISTIO_MUTUAL"}, {"mode": "SIMPLE", "sni": SHOP}, "the client presents no certificate"),
        (
            {"mode": "MUTUAL", "credentialName": "own"},
            {"mode": "ISTIO_MUTUAL", "sni": SHOP},
            "the client's certificate is not issued by the authority that the server trusts",
        ),
        (
            {"mode": "SIMPLE"},
            {"mode": "SIMPLE", "sni": SHOP},
            "the server's certificate is issued by the mesh, which the client does not trust",
        ),
    ],
)
def test_the_client_and_the_gateways_server_accept_each_others_certificates(
    server: dict[str, str], client: dict[str, str], outcome: str
) -> None:
    own = secret("own", cert="eA==", key="eA==", cacert="eA==")
    settings = encrypted("to-gateway", GATEWAY, "", EGRESS, trafficPolicy={"tls": client})
    known = (OLD, entry(SHOP), to_gateway(SHOP, port=443), gateway(SHOP, port=HTTPS, tls=server), own)
    assert arrives(*known, settings, at_gateway("r", SHOP, "old.example")) == outcome


def test_a_gateway_gets_no_secret_of_another_namespace() -> None:
    policy_ = {"tls": {"mode": "SIMPLE", "credentialName": "kubernetes://team-a/bank"}}
    foreign = encrypted("mutual", "old.example", "", EGRESS, trafficPolicy=policy_)
    known = (*SENT, entry("old.example", port=443, age="9d"), secret("bank", "team-a", cacert="eA=="), foreign)
    rule = at_gateway("r", SHOP, "", http=[{"route": [to("old.example", 443)]}])
    assert arrives(*known, rule) == "the cluster waits for Secret kubernetes://team-a/bank"


def test_a_destination_does_not_understand_tls_within_tls() -> None:
    """The gateway passes the client's TLS through and adds its own."""
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    rules = [
        {"match": [{"sniHosts": [SHOP], "gateways": ["mesh"]}], "route": [to(GATEWAY, 443)]},
        {"match": [{"sniHosts": [SHOP], "gateways": ["team-egress/shop"]}], "route": [to(SHOP, 443)]},
    ]
    both = at_gateway("tls", SHOP, "", tls=rules, http=[], gateways=["mesh", "team-egress/shop"])
    known = (gateway(SHOP, port=port, tls={"mode": "PASSTHROUGH"}), both, entry(SHOP, port=443))
    again = encrypted("again", SHOP, "SIMPLE", EGRESS, exportTo=["."])
    assert arrives(*known, url=f"https://{SHOP}") == f"{SHOP}:443"
    found = arrives(*known, again, url=f"https://{SHOP}")
    assert found == "TLS in TLS to a server that expects one TLS session"
