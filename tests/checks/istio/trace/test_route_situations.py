"""Routes of clients that differ, with missing facts, on odd ports and during upgrades."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from checks.facts.fact import Unreadable
from checks.model.route import HopName, Mark, Outcome, Route
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, MUTUAL, ORIGINATION, PASSTHROUGH, host_of
from tests.checks.istio.trace.traced import changed, istio, meant, mesh_settings, plus, traced, without
from tests.clusters.compose import Cluster, compose, identity, named, uid_of

CNN = "edition.cnn.com"
ANNOTATIONS = "metadata", "annotations"


def pod_of(cluster: Cluster, namespace: str) -> str:
    return next(str(identity(o)[3]) for o in cluster.objects if identity(o)[1:3] == ("Pod", namespace))


def annotated(cluster: Cluster, namespace: str, key: str, value: str) -> Cluster:
    def edit(pod: Any) -> None:
        pod["metadata"].setdefault("annotations", {})[key] = value

    return changed(cluster, "Pod", pod_of(cluster, namespace), edit, namespace)


def twin(cluster: Cluster, namespace: str, name: str, edit: Any) -> Cluster:
    """Another pod beside the one that a namespace has, of a workload of its own."""
    found = next(o for o in cluster.objects if identity(o)[1:3] == ("Pod", namespace))
    pod = copy.deepcopy(found)
    pod["metadata"] |= {"name": f"{name}-0", "uid": uid_of("Pod", namespace, name)}
    pod["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": name, "apiVersion": "apps/v1", "uid": "u"}]
    edit(pod)
    return replace(cluster, objects=(*cluster.objects, pod))


def native(pod: Any) -> None:
    """The proxy as a native sidecar: an init container that restarts."""
    containers = pod["spec"]["containers"]
    proxy = next(each for each in containers if each["name"] == "istio-proxy")
    pod["spec"]["containers"] = [each for each in containers if each is not proxy]
    pod["spec"]["initContainers"] = [*pod["spec"].get("initContainers", []), {**proxy, "restartPolicy": "Always"}]


# who asks


def test_a_native_sidecar_is_a_sidecar() -> None:
    cluster = named(HTTP)
    cluster = changed(cluster, "Pod", pod_of(cluster, "team-a"), native, "team-a")
    route = traced(cluster, CNN, "team-a")
    assert route.routed
    assert "native sidecar" in meant(route)[0].hops[0].result


def test_clients_with_different_outcomes_are_not_averaged() -> None:
    spec = {"egress": [{"hosts": ["./*"]}]}
    cluster = plus(named(HTTP), istio("Sidecar", "default", spec, "team-a"))
    route = traced(cluster, CNN)
    found = {request.clients: (request.outcome, request.cause) for request in meant(route)}
    assert found == {
        ("team-a",): (Outcome.FAILS, "sidecar-hides"),
        ("team-b",): (Outcome.THROUGH, ""),
    }
    assert not route.routed
    assert route.summary.startswith("The route depends on the client. From team-a:")


def test_a_sidecar_for_one_workload_concerns_that_workload() -> None:
    cluster = twin(named(HTTP), "team-a", "batch", lambda pod: pod["metadata"]["labels"].update(app="batch"))
    spec = {"workloadSelector": {"labels": {"app": "batch"}}, "egress": [{"hosts": ["./*"]}]}
    cluster = plus(cluster, istio("Sidecar", "batch", spec, "team-a"))
    found = {request.clients: request.outcome for request in meant(traced(cluster, CNN))}
    assert found == {("team-a/batch",): Outcome.FAILS, ("team-a/web", "team-b"): Outcome.THROUGH}
    assert traced(cluster, CNN, "team-a/web").routed
    assert not traced(cluster, CNN, "team-a/batch").routed


def test_an_excluded_port_goes_round_the_sidecar() -> None:
    cluster = annotated(named(HTTP), "team-a", "traffic.sidecar.istio.io/excludeOutboundPorts", "80,9090")
    (request,) = meant(traced(cluster, CNN, "team-a"))
    assert (request.outcome, request.cause) == (Outcome.BYPASSES, "excluded")
    assert request.broken is not None
    assert request.broken.name is HopName.CLIENT
    assert request.address.startswith("the node's outbound address")
    found = {request.clients: request.outcome for request in meant(traced(cluster, CNN))}
    assert found == {("team-a",): Outcome.BYPASSES, ("team-b",): Outcome.THROUGH}


def test_a_pod_without_a_sidecar_beside_others_is_distinguished() -> None:
    def bare(pod: Any) -> None:
        pod["spec"]["containers"] = [each for each in pod["spec"]["containers"] if each["name"] != "istio-proxy"]
        pod["spec"].pop("initContainers", None)

    cluster = twin(named(HTTP), "team-a", "old", bare)
    found = {request.clients: request.outcome for request in meant(traced(cluster, CNN, "team-a"))}
    assert found == {("team-a/old",): Outcome.BYPASSES, ("team-a/web",): Outcome.THROUGH}


def test_a_client_with_a_static_egress_of_its_own_has_that_address() -> None:
    broken = next(each for each in BREAKAGES if each.name == "mesh is missing")
    cluster = broken.do(named(HTTP), HTTP)
    cluster = annotated(cluster, "team-a", "kubernetes.azure.com/static-gateway-configuration", "own")
    own = {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"name": "own", "namespace": "team-a"},
        "spec": {"gatewayNodepoolName": "gwpool"},
        "status": {"egressIpPrefix": "20.99.0.0/31"},
    }
    (request,) = meant(traced(plus(cluster, own), CNN, "team-a"))
    assert request.address.startswith("20.99.0.0/31 of the client's own StaticGatewayConfiguration team-a/own")


@pytest.mark.parametrize(
    ("client", "problem", "near"),
    [
        ("teama", "Client namespace teama does not exist; did you mean team-a or team-b?", "team-a"),
        ("nowhere", "Client namespace nowhere does not exist; namespaces with sidecars: team-a, team-b.", ""),
        ("team-a/webb", "Namespace team-a has no running pod of workload webb; did you mean team-a/web?", "web"),
        ("team-a/x", "Namespace team-a has no running pod of workload x; it runs web.", "web"),
    ],
)
def test_an_unknown_client_gets_the_nearest_names(client: str, problem: str, near: str) -> None:
    route = traced(named(HTTP), CNN, client)
    assert not route.routed
    assert route.problem == problem
    assert route.nearest[:1] == ((near,) if near else ())


# what is asked about


def test_an_unknown_host_is_answered_with_the_hosts_of_the_gateway() -> None:
    route = traced(named(HTTP), "api.unknown.example")
    assert not route.known
    assert not route.routed
    assert route.summary == (
        "egress gateway team-egress/egw does not route api.unknown.example. This gateway routes 1 host: edition.cnn.com."
    )


def test_both_schemes_are_followed_without_a_port() -> None:
    found = {
        (request.scheme, request.port): (request.meant, request.outcome)
        for request in traced(named(HTTP), CNN).requests
    }
    assert found == {("http", 80): (True, Outcome.THROUGH), ("https", 443): (False, Outcome.FAILS)}


def test_https_on_an_origination_bypasses_the_gateway_where_the_credential_is_kept_to_it() -> None:
    """The ServiceEntry declares port 443, and no rule sends it to the gateway (IST-6)."""
    (request,) = traced(named(MUTUAL), f"{CNN}:443").requests
    assert (request.meant, request.outcome, request.cause) == (True, Outcome.BYPASSES, "other-scheme")


def test_https_on_an_origination_that_sidecars_share_is_tls_in_tls() -> None:
    (request,) = traced(named(ORIGINATION), f"{CNN}:443").requests
    assert (request.outcome, request.cause) == (Outcome.FAILS, "double-direct")
    assert "TLS in TLS" in request.answer


def test_a_name_under_a_wildcard_takes_the_wildcards_route() -> None:
    route = traced(named("wildcard-host"), "en.wikipedia.org")
    assert route.routed
    assert route.known
    assert not traced(named("wildcard-host"), "wikipedia.org").known


def test_another_port_is_as_its_service_entry_declares_it() -> None:
    def ports(entry: Any) -> None:
        entry["spec"]["ports"].append({"number": 8443, "name": "tls-other", "protocol": "TLS"})

    cluster = changed(named(HTTP), "ServiceEntry", "cnn", ports)
    (request,) = traced(cluster, f"{CNN}:8443").requests
    assert (request.scheme, request.port, request.outcome) == ("https", 8443, Outcome.BYPASSES)
    (request,) = traced(named(HTTP), f"{CNN}:8080").requests
    assert (request.scheme, request.port, request.outcome) == ("http", 8080, Outcome.FAILS)


def test_a_host_of_another_egress_gateway_is_reported_as_that() -> None:
    route = traced(named("two-gateways-one-configuration"), CNN, gateway="team-egress/egw")
    assert route.requests
    others = [request for request in route.requests if request.outcome is Outcome.ELSEWHERE]
    assert route.routed or others


# what could not be read

KINDS = {
    "virtualservices.networking.istio.io": HTTP,
    "gateways.networking.istio.io": HTTP,
    "serviceentries.networking.istio.io": PASSTHROUGH,
    "destinationrules.networking.istio.io": ORIGINATION,
    "sidecars.networking.istio.io": HTTP,
    "authorizationpolicies.security.istio.io": HTTP,
    "services": HTTP,
    "pods": HTTP,
    "configmaps": HTTP,
    "secrets": MUTUAL,
    "staticgatewayconfigurations.egressgateway.kubernetes.azure.com": HTTP,
}


def unreadable(cluster: Cluster, resource: str, status: int) -> Cluster:
    error = {"source": "kubernetes", "resource": resource, "namespace": None, "status": status, "message": "no"}
    return compose(cluster, {"errors": [error]})


@pytest.mark.parametrize("status", [403, 504])
@pytest.mark.parametrize("resource", KINDS)
def test_what_could_not_be_read_is_never_whole(resource: str, status: int) -> None:
    on = KINDS[resource]
    if resource == "pods":
        # Without them the gateway is not known; the report gives the reason in the route's place.
        with pytest.raises(Unreadable):
            traced(unreadable(named(on), resource, status), host_of(on))
        return
    route = traced(unreadable(named(on), resource, status), host_of(on))
    assert not route.routed, route.summary
    for request in meant(route):
        assert request.outcome is Outcome.UNKNOWN, request.summary
        assert any(hop.mark is Mark.UNKNOWN for hop in request.hops)
        assert "not certain" in request.summary


# several revisions, and what lies behind the gateway


def test_during_an_upgrade_both_revisions_are_followed() -> None:
    route = traced(named("upgrade-two-revisions"), CNN)
    assert route.routed, route.summary


def test_clients_of_an_older_revision_have_that_revisions_policy() -> None:
    cluster = named("upgrade-two-revisions")
    maps = [o for o in cluster.objects if o["kind"] == "ConfigMap" and "shared" in o["metadata"]["name"]]
    assert len(maps) == 2
    old = min(maps, key=lambda each: str(each["metadata"]["name"]))
    revision = str(old["metadata"]["name"]).removeprefix("istio-shared-configmap-")

    def allow(config_map: Any) -> None:
        mesh = yaml.safe_load(config_map["data"]["mesh"]) or {}
        config_map["data"]["mesh"] = yaml.safe_dump({**mesh, "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}})

    cluster = changed(cluster, "ConfigMap", str(old["metadata"]["name"]), allow, "aks-istio-system")

    def older(pod: Any) -> None:
        pod["metadata"].setdefault("annotations", {})["istio.io/rev"] = revision
        pod["metadata"].get("labels", {}).pop("istio.io/rev", None)

    cluster = changed(cluster, "Pod", pod_of(cluster, "team-b"), older, "team-b")
    found = {request.clients: request.outcome for request in traced(cluster, f"{CNN}:443").requests}
    assert found[("team-b",)] is Outcome.BYPASSES
    assert found[("team-a",)] is Outcome.FAILS


def test_no_ready_pod_is_no_healthy_upstream() -> None:
    def unready(endpoints: Any) -> None:
        for each in endpoints["endpoints"]:
            each["conditions"]["ready"] = False

    cluster = named(HTTP)
    for each in list(cluster.objects):
        if identity(each)[1:3] == ("EndpointSlice", "team-egress"):
            cluster = changed(cluster, "EndpointSlice", identity(each)[3], unready)
    (request,) = meant(traced(cluster, CNN))
    assert (request.cause, request.broken and request.broken.name) == ("no-ready-pod", HopName.SERVICE)
    assert "UH" in request.answer


def test_a_configuration_without_an_address_ends_the_route() -> None:
    cluster = changed(named(HTTP), "StaticGatewayConfiguration", "sgc", lambda each: each.pop("status"))
    (request,) = meant(traced(cluster, CNN))
    assert (request.cause, request.broken and request.broken.name) == ("no-prefix", HopName.STATIC_EGRESS)


def test_a_configuration_for_some_ranges_only_lets_the_rest_leave_from_the_node() -> None:
    def around(each: Any) -> None:
        each["spec"] |= {"defaultRoute": "azureNetworking", "excludeCidrs": ["192.0.2.0/24"]}

    cluster = changed(named(HTTP), "StaticGatewayConfiguration", "sgc", around)
    (request,) = meant(traced(cluster, CNN))
    assert (request.outcome, request.cause) == (Outcome.BYPASSES, "not-default")
    assert request.address.startswith("the node's outbound address")


def test_pods_without_the_annotation_leave_from_their_node() -> None:
    cluster = named(HTTP)
    for each in list(cluster.objects):
        if identity(each)[1:3] == ("Pod", "team-egress"):
            cluster = changed(cluster, "Pod", identity(each)[3], lambda pod: pod["metadata"]["annotations"].pop("kubernetes.azure.com/static-gateway-configuration"))  # fmt: skip  # noqa: E501
    (request,) = meant(traced(cluster, CNN))
    assert (request.outcome, request.cause) == (Outcome.BYPASSES, "no-annotation")


# what is doubtful, and passes


def doubts(route: Route) -> str:
    return "\n".join(doubt for request in meant(route) for hop in request.hops for doubt in hop.doubts)


def test_b02_a_gateway_without_a_selector_still_routes_the_host() -> None:
    cluster = changed(named(HTTP), "Gateway", "istio-egressgateway", lambda each: each["spec"].pop("selector"))
    assert traced(cluster, CNN).routed


def test_b33_a_gateway_of_the_gateway_api_is_not_on_the_route() -> None:
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "out", "namespace": "team-egress"},
        "spec": {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    assert traced(plus(named(HTTP), gateway), CNN).routed


def test_b33_a_rule_that_sends_to_its_service_is_reported_as_elsewhere() -> None:
    def to_other(each: Any) -> None:
        each["spec"]["http"][0]["route"][0]["destination"] = {"host": "out-istio.team-egress.svc.cluster.local"}

    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "out-istio", "namespace": "team-egress"},
        "spec": {"ports": [{"port": 80, "name": "http"}]},
    }
    cluster = changed(plus(named(HTTP), service), "VirtualService", "direct-cnn-through-egress-gateway", to_other)
    (request,) = meant(traced(cluster, CNN))
    assert (request.outcome, request.cause) == (Outcome.FAILS, "elsewhere")


def test_b26_an_unknown_host_passes_with_the_nodes_address() -> None:
    settings = {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
    cluster = mesh_settings(named(HTTP), lambda each: each.update(settings))
    cluster = without(without(cluster, "VirtualService", "direct-cnn-through-egress-gateway"), "ServiceEntry", "cnn")
    routes = traced(cluster, CNN).requests
    assert {request.outcome for request in routes} == {Outcome.BYPASSES}
    assert {request.address for request in routes} == {"the node's outbound address (the cluster's load balancer)"}


def test_an_origination_whose_server_has_its_own_certificate_needs_the_secret() -> None:
    def simple(each: Any) -> None:
        each["spec"]["servers"][0]["tls"] = {"mode": "SIMPLE", "credentialName": "server-certificate"}

    def tls(each: Any) -> None:
        entry = each["spec"]["subsets"][0]["trafficPolicy"]["portLevelSettings"][0]
        entry["tls"] = {"mode": "SIMPLE", "sni": CNN}

    cluster = changed(named(ORIGINATION), "Gateway", "istio-egressgateway", simple)
    cluster = changed(cluster, "DestinationRule", "egressgateway-for-cnn", tls)
    (request,) = meant(traced(cluster, CNN))
    assert (request.cause, request.broken and request.broken.name) == ("credential-missing", HopName.SERVER)
