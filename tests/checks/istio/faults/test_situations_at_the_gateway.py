"""Faults at the gateway or behind it that no breakage of the domain reference has."""

from dataclasses import dataclass
from typing import Any

import pytest

from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.request.outcome import Result
from checks.model.route import HopName
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.faults.test_situations_at_sidecars import Change, found_in
from tests.checks.istio.trace.breakages import (
    HTTP,
    MUTUAL,
    ORIGINATION,
    PASSTHROUGH,
    entry,
    gateway,
    originate,
    put,
    rule,
)
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, named

HOST, OTHER, FOREIGN = "edition.cnn.com", "www.other.example", "team-a/client-credential"


def policy(name: str, **spec: Any) -> Change:
    """One more AuthorizationPolicy in the gateway's namespace."""
    return lambda cluster, _: plus(cluster, istio("AuthorizationPolicy", name, spec, group="security"))


def allow(**fields: Any) -> Change:
    return policy("allow-some", action="ALLOW", rules=[fields])


def source(**fields: Any) -> dict[str, Any]:
    return {"source": fields}


def operation(**fields: Any) -> dict[str, Any]:
    return {"operation": fields}


def server(**values: Any) -> Change:
    return gateway(lambda each, _: each["servers"][0].update(values))


def destination(**values: Any) -> Change:
    return rule(1, lambda each, _: each["route"][0]["destination"].update(values))


def origination(**values: Any) -> Change:
    """The TLS settings of the gateway for the destination, with other values."""

    def change(spec: Any, _: str) -> None:
        whole = spec["trafficPolicy"]
        for each in (whole, *whole.get("portLevelSettings", ())):
            if "tls" in each:
                each["tls"].update(values)

    return originate(change)


def labelled_subset(cluster: Cluster, on: str) -> Cluster:
    subset = {"name": "blue", "labels": {"version": "blue"}}
    cluster = plus(cluster, istio("DestinationRule", "blue", {"host": HOST, "subsets": [subset]}))
    return destination(subset="blue")(cluster, on)


def older_entry(cluster: Cluster, on: str) -> Cluster:
    """A third team's older ServiceEntry for the host, without resolution."""
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    return plus(cluster, istio("ServiceEntry", "twin", {"hosts": [HOST], "ports": ports}, "team-c"), age="500d")


def removed_listener(cluster: Cluster, on: str) -> Cluster:
    patch = {"applyTo": "LISTENER", "match": {"listener": {"portNumber": 80}}, "patch": {"operation": "REMOVE"}}
    made = istio("EnvoyFilter", "no-http", {"configPatches": [patch]})
    return plus(cluster, {**made, "apiVersion": "networking.istio.io/v1alpha3"})


def without_authority(cluster: Cluster, on: str) -> Cluster:
    return changed(cluster, "Secret", "client-credential", lambda each: each["data"].pop("ca.crt"))


def _plain_server(spec: Any, _: str) -> None:
    spec["servers"][0].update(port=PLAIN_443)
    spec["servers"][0].pop("tls")


def _passthrough_server(spec: Any, _: str) -> None:
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    spec["servers"][0].update(port=port, tls={"mode": "PASSTHROUGH"})


def _redirected(each: Any, _: str) -> None:
    each["redirect"] = {"scheme": "https"}
    each.pop("route")


def port_of_entry(**values: Any) -> Change:
    return entry(lambda each, _: each["ports"][0].update(values))


def sidecar_credential(cluster: Cluster, on: str) -> Cluster:
    """A DestinationRule of the client's namespace with a credential.

    The credential is only in the gateway's namespace.
    """
    tls = {"mode": "MUTUAL", "credentialName": "client-credential"}
    spec = {
        "host": "egw.team-egress.svc.cluster.local",
        "workloadSelector": {"matchLabels": {"app": "web"}},
        "subsets": [{"name": "cnn", "trafficPolicy": {"tls": tls}}],
    }
    return plus(cluster, istio("DestinationRule", "own", spec, "team-a"))


def _conditional(each: Any, _: str) -> None:
    for match in each["match"]:
        match["headers"] = {"x-team": {"exact": "a"}}


@dataclass(frozen=True)
class Situation:
    """A change, the fault and hop that must be named; `corrected`: its fix routes the request."""

    name: str
    change: Change
    fault: str
    hop: HopName = HopName.SERVER
    corrected: bool = True
    on: str = HTTP

    def __str__(self) -> str:
        return self.name


ROUTE, ENTRY = HopName.GATEWAY_ROUTE, HopName.ENTRY
ABORT = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}
REWRITE = {"authority": OTHER}
TWO_NAMES = {"mode": "SIMPLE", "credentialNames": ["client-credential", "gw-cert"]}
PLAIN_443 = {"number": 443, "name": "http", "protocol": "HTTP"}

SITUATIONS = (
    Situation("the-server-listens-on-localhost", server(bind="127.0.0.1"), "server-bound"),
    Situation("the-server-redirects-to-https", server(tls={"httpsRedirect": True}), "https-redirect"),
    Situation("the-server-reads-http-on-443", gateway(_plain_server), "wrong-kind", on=PASSTHROUGH),
    Situation("the-only-server-passes-tls-through", gateway(_passthrough_server), "wrong-kind"),
    Situation("the-authority-is-rewritten", rule(0, put(rewrite=REWRITE)), "authority-rewritten", HopName.MESH_ROUTE),
    Situation("the-rule-aborts", rule(1, put(fault=ABORT)), "answered-at-gateway", ROUTE),
    Situation("the-rule-redirects", rule(1, _redirected), "answered-at-gateway", ROUTE, False),
    Situation("the-rule-needs-a-header", rule(1, _conditional), "no-gateway-rule", ROUTE),
    Situation("a-filter-removes-the-listener", removed_listener, "changed-by-filter", ROUTE),
    Situation("the-subset-is-not-defined", destination(subset="blue"), "no-destination-subset", ENTRY),
    Situation("no-endpoint-has-the-labels", labelled_subset, "subset-without-endpoints", ENTRY),
    Situation("static-without-endpoints", entry(put(resolution="STATIC")), "not-resolved", ENTRY),
    Situation("an-older-entry-without-resolution", older_entry, "service-entries-conflict", ENTRY),
    Situation("the-tls-port-leads-to-80", port_of_entry(targetPort=80), "tls-to-plain", ENTRY, on=PASSTHROUGH),
    Situation("another-certificate", origination(subjectAltNames=[OTHER]), "other-certificate-names", ENTRY, on=ORIGINATION),
    Situation("mesh-tls-to-the-destination", origination(mode="ISTIO_MUTUAL"), "mesh-tls-outside", ENTRY, on=ORIGINATION),
    Situation("a-certificate-of-two-is-missing", server(tls=TWO_NAMES), "credential-missing", corrected=False, on=MUTUAL),
    Situation("the-secret-lacks-the-authority", without_authority, "credential-missing", ENTRY, False, MUTUAL),
    Situation("a-credential-with-a-namespace", origination(credentialName=FOREIGN), "credential-missing", ENTRY, True, MUTUAL),
    Situation("a-sidecar-without-its-secret", sidecar_credential, "credential-missing", HopName.SIDECAR, False),
    Situation("no-identity-on-plain-text", allow(**{"from": [source(principals=["*"])]}), "denied"),
    Situation("another-port-is-allowed", allow(to=[operation(ports=["9999"])]), "denied"),
    Situation("http-fields-on-tls", allow(to=[operation(methods=["GET"])]), "denied", on=PASSTHROUGH),
    Situation("everything-is-denied", policy("deny", action="DENY", rules=[{}]), "denied"),
)  # fmt: skip


def _found(situation: Situation) -> tuple[Proved, ...]:
    return found_in(situation.change, situation.on, "https" if situation.on == PASSTHROUGH else "http")


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_the_fault_is_named_and_its_fix_routes_the_host(situation: Situation) -> None:
    faults = _found(situation)
    first = faults[0].fault
    assert (first.name, first.hop) == (situation.fault, situation.hop)
    assert first.sentence()
    assert first.evidence()
    after = faults[-1].after
    assert (after is not None and after.result is Result.THROUGH) is situation.corrected


REASONS = (
    ("no-identity-on-plain-text", "principals * (without mutual TLS to the gateway, clients have no identity)"),
    ("another-port-is-allowed", "ports 9999 (the request has 80)"),
    ("http-fields-on-tls", "methods GET (an HTTP field, which never matches on TCP)"),
)


@pytest.mark.parametrize(("name", "reason"), REASONS)
def test_the_evidence_names_the_reason_why_a_rule_does_not_match(name: str, reason: str) -> None:
    fault = _found(next(each for each in SITUATIONS if each.name == name))[0].fault
    assert reason in fault.evidence()[0].observed


def _databases(cluster: Cluster) -> Cluster:
    """Two databases on their own ports, which share the TCP server of the gateway's port 443."""
    shared = {"port": {"number": 443, "name": "tcp", "protocol": "TCP"}, "hosts": ["db1.example", "db2.example"]}
    cluster = plus(cluster, istio("Gateway", "databases", {"selector": {"istio": "egw"}, "servers": [shared]}))
    for host, port, age in (("db1.example", 5432, "20d"), ("db2.example", 1433, "10d")):
        ports = [{"number": port, "name": "tcp", "protocol": "TCP"}]
        to_gateway = {"destination": {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 443}}}
        to_host = {"destination": {"host": host, "port": {"number": port}}}
        rules = [
            {"match": [{"gateways": ["mesh"], "port": port}], "route": [to_gateway]},
            {"match": [{"gateways": ["databases"], "port": 443}], "route": [to_host]},
        ]
        spec = {"hosts": [host], "gateways": ["databases", "mesh"], "tcp": rules}
        name = host.partition(".")[0]
        cluster = plus(cluster, istio("VirtualService", name, spec), age)
        cluster = plus(
            cluster, istio("ServiceEntry", name, {"hosts": [host], "ports": ports, "resolution": "DNS"}), age
        )
    return cluster


def test_two_databases_on_one_port_of_the_gateway_collide() -> None:
    """Connections to the second database arrive at the first one."""
    facts = facts_about(_databases(named(HTTP)), "db2.example", "team-a")
    _, faults = next(outcomes(facts, "tcp", "db2.example", 1433))
    fault = faults[0].fault
    assert (fault.name, fault.hop, fault.check) == ("tcp-destinations-collide", ROUTE, "tcp-destinations-collide")
    assert "VirtualService team-egress/db1 for db1.example gets all TCP connections" in fault.sentence()
