"""The effect of a fix on other hosts is computed.

A fix that makes another host's route worse is not offered.
"""

from dataclasses import replace
from typing import Any

import pytest

from checks.facts.changes import Apply
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.faults.side_effects import effect_on_others
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from tests.checks.istio.faults.diagnosed import facts_about
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, compose, named

VS, GATEWAY, ENTRY = "direct-cnn-through-egress-gateway", "istio-egressgateway", "cnn"
FIRST, SECOND = "edition.cnn.com", "www.second.example"


def _two_hosts() -> Cluster:
    """The documented configuration for two hosts in the same objects."""
    both = [FIRST, SECOND]
    cluster = changed(named("base"), "ServiceEntry", ENTRY, lambda each: each["spec"].update(hosts=both))
    cluster = changed(cluster, "Gateway", GATEWAY, lambda each: each["spec"]["servers"][0].update(hosts=both))

    def routed(each: Any) -> None:
        """Each host to itself, by its authority."""
        to_gateway, from_gateway = each["spec"]["http"]
        rules = []
        for host in both:
            match = [{**match, "authority": {"exact": host}} for match in from_gateway["match"]]
            rules.append(
                {"match": match, "route": [{"destination": {**from_gateway["route"][0]["destination"], "host": host}}]}
            )
        each["spec"].update(hosts=both, http=[to_gateway, *rules])

    return changed(cluster, "VirtualService", VS, routed)


def _broken(cluster: Cluster, host: str, scheme: str = "http", port: int = 80) -> BrokenRequest:
    facts = facts_about(cluster, host, "team-a")
    routing = Routing(facts)
    request = ClientRequest(scheme, host, port, clients_of(facts)[0])
    return BrokenRequest(routing, request, routing.outcome(request))


def test_a_fix_of_a_shared_object_names_the_other_host_that_it_helps() -> None:
    """A VirtualService that routes two hosts lost mesh."""
    cluster = changed(_two_hosts(), "VirtualService", VS, lambda each: each["spec"].update(gateways=[GATEWAY]))
    broken = _broken(cluster, FIRST)
    fix = faults_of(broken, READERS)[0][0].fix
    assert fix is not None
    effect = effect_on_others(broken, (), fix.changes)
    assert effect == f"http://{SECOND} bypasses the gateway before and goes through the gateway after"


def test_a_fix_for_one_host_has_no_effect_on_the_other() -> None:
    """The Gateway lost one of its two hosts."""
    cluster = changed(_two_hosts(), "Gateway", GATEWAY, lambda each: each["spec"]["servers"][0].update(hosts=[SECOND]))
    broken = _broken(cluster, FIRST)
    fix = faults_of(broken, READERS)[0][0].fix
    assert fix is not None
    assert effect_on_others(broken, (), fix.changes) == "none"


def _under_a_wildcard(on: str) -> Cluster:
    """A ServiceEntry and a server for a wildcard; no VirtualService routes its names."""
    cluster = compose(named(on), {"remove": ["VirtualService team-egress/*"]})
    declared = {"hosts": ["*.cnn.com"], "endpoints": [{"address": "www.cnn.example"}]}
    cluster = changed(cluster, "ServiceEntry", ENTRY, lambda each: each["spec"].update(declared))
    return changed(cluster, "Gateway", GATEWAY, lambda each: each["spec"]["servers"][0].update(hosts=["*.cnn.com"]))


@pytest.mark.parametrize(("on", "scheme", "port"), [("base", "http", 80), ("tls-passthrough", "https", 443)])
def test_a_new_route_under_a_wildcard_is_for_the_requested_name_alone(on: str, scheme: str, port: int) -> None:
    cluster = _under_a_wildcard(on)
    broken = _broken(cluster, FIRST, scheme, port)
    proved = faults_of(broken, READERS)[0]
    fix = proved[0].fix
    assert proved[0].fault.name == "no-route"
    assert fix is not None
    created = next(each.manifest for each in fix.changes if isinstance(each, Apply))
    assert created["spec"]["hosts"] == [FIRST]
    after = Routing(broken.facts.with_changes(fix.changes))
    assert after.outcome(broken.request).result is Result.THROUGH
    for one, its_port in ((scheme, port), ("http", 80)):
        other = replace(broken.request, scheme=one, host="www.cnn.com", port=its_port)
        assert after.outcome(other).result is broken.routing.outcome(other).result is not Result.THROUGH


def test_a_fix_of_the_tls_of_all_hosts_keeps_the_routes_of_others() -> None:
    """Sidecars send TLS to the gateway's plain servers.

    A DestinationRule in the client's namespace makes them do so.
    """
    server = {"port": {"number": 80, "name": "theirs", "protocol": "HTTP"}, "hosts": [SECOND]}
    cluster = plus(named("base"), istio("Gateway", "theirs", {"selector": {"istio": "egw"}, "servers": [server]}))
    spec = {"host": "egw.team-egress.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}
    cluster = plus(cluster, istio("DestinationRule", "mutual", spec, "team-a"))
    broken = _broken(cluster, FIRST)
    found = faults_of(broken, READERS)[0]
    assert found
    for each in found:
        assert each.fix is not None
        assert not effect_on_others(broken, (), each.fix.changes).count("goes through the gateway before")
