"""Faults between a client and the gateway's Service.

No breakage of the domain reference has them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.request.outcome import Result
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.breakages import HTTP, ORIGINATION, PASSTHROUGH, VS, entry, rule, to_gateway, vs
from tests.checks.istio.trace.traced import changed, istio, plus
from tests.clusters.compose import Cluster, named

Change = Callable[[Cluster, str], Cluster]


def found_in(change: Change, on: str, scheme: str = "http", client: str | None = "team-a") -> tuple[Proved, ...]:
    """The faults of a request for the host from a client.

    The configuration works before the change.
    """
    facts = facts_about(change(named(on), on), "edition.cnn.com", client)
    port = 443 if scheme == "https" else 80
    outcome, faults = next(iter(outcomes(facts, scheme, "edition.cnn.com", port)))
    assert outcome.result is not Result.THROUGH
    return faults


def pod_annotation(key: str, value: str) -> Change:
    def annotate(pod: Any) -> None:
        pod["metadata"].setdefault("annotations", {})[f"traffic.sidecar.istio.io/{key}"] = value

    def change(cluster: Cluster, on: str) -> Cluster:
        for each in cluster.objects:
            if each["kind"] == "Pod" and each["metadata"]["namespace"] == "team-a":
                cluster = changed(cluster, "Pod", each["metadata"]["name"], annotate, "team-a")
        return cluster

    return change


def condition(**values: Any) -> Change:
    """The rule for sidecars with one more condition."""
    return rule(0, lambda each, _: [match.update(values) or match.pop("gateways") for match in each["match"]])


def without_ready_pod(cluster: Cluster, on: str) -> Cluster:
    def unready(endpoints: Any) -> None:
        for each in endpoints["endpoints"]:
            each["conditions"]["ready"] = False

    for each in cluster.objects:
        if each["kind"] == "EndpointSlice" and each["metadata"]["namespace"] == "team-egress":
            cluster = changed(cluster, "EndpointSlice", each["metadata"]["name"], unready)
    return cluster


def exported_service(cluster: Cluster, on: str) -> Cluster:
    def export(service: Any) -> None:
        service["metadata"].setdefault("annotations", {})["networking.istio.io/exportTo"] = "."

    return changed(cluster, "Service", "egw", export)


def sidecar_listener(cluster: Cluster, on: str) -> Cluster:
    """A Sidecar whose listener for port 80 imports only its own namespace."""
    port = {"number": 80, "protocol": "HTTP", "name": "http"}
    egress = [{"port": port, "hosts": ["./*"]}, {"hosts": ["*/*"]}]
    return plus(cluster, istio("Sidecar", "default", {"egress": egress}, "team-a"))


def egress_proxy(cluster: Cluster, on: str) -> Cluster:
    """A Sidecar that sends requests which no rule matches to the gateway's Service.

    No rule expects them there.
    """
    proxy = {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 443}}
    policy = {"mode": "ALLOW_ANY", "egressProxy": proxy}
    sidecar = istio("Sidecar", "default", {"egress": [{"hosts": ["./*"]}], "outboundTrafficPolicy": policy}, "team-a")
    return plus(cluster, sidecar)


def own_socket(cluster: Cluster, on: str) -> Cluster:
    """A Sidecar whose listener for port 80 takes no intercepted connections."""
    port = {"number": 80, "protocol": "HTTP", "name": "http"}
    listener = {"port": port, "bind": "127.0.0.1", "captureMode": "NONE", "hosts": ["team-egress/*"]}
    return plus(cluster, istio("Sidecar", "default", {"egress": [listener]}, "team-a"))


def delegated(at: int, export_to: list[str]) -> Change:
    """A rule of the VirtualService in a delegate of another namespace."""

    def change(cluster: Cluster, on: str) -> Cluster:
        moved: list[Any] = []

        def delegate(spec: Any, _: str) -> None:
            written = spec["http"][at]
            moved.append({key: value for key, value in written.items() if key != "match"})
            spec["http"][at] = {"match": written["match"], "delegate": {"name": "rules", "namespace": "team-b"}}

        cluster = vs(delegate)(cluster, on)
        spec = {"http": moved, "exportTo": export_to}
        return plus(cluster, istio("VirtualService", "rules", spec, "team-b"))

    return change


def with_addresses(*addresses: str) -> Change:
    return entry(lambda spec, _: spec.update(addresses=list(addresses)))


def removed_listener(cluster: Cluster, on: str) -> Cluster:
    match = {"context": "SIDECAR_OUTBOUND", "listener": {"portNumber": 80}}
    patch = {"applyTo": "LISTENER", "match": match, "patch": {"operation": "REMOVE"}}
    made = istio("EnvoyFilter", "no-http", {"configPatches": [patch]}, "team-a")
    return plus(cluster, {**made, "apiVersion": "networking.istio.io/v1alpha3"})


def _weighted(each: Any, on: str) -> None:
    each["route"][0]["weight"] = 80
    each["route"].append({"destination": {"host": "edition.cnn.com", "port": {"number": 80}}, "weight": 20})


def _delayed(each: Any, on: str) -> None:
    each["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}


def _redirected(each: Any, on: str) -> None:
    each["redirect"] = {"scheme": "https"}
    each.pop("route")


@dataclass(frozen=True)
class Situation:
    """A change, the configuration, and the fault that must be named.

    `corrected` is set if its fix routes the request.
    """

    name: str
    change: Change
    fault: str
    corrected: bool = True
    on: str = HTTP
    scheme: str = "http"

    def __str__(self) -> str:
        return self.name


SITUATIONS = (
    Situation("port-80-is-excluded", pod_annotation("excludeOutboundPorts", "80,8080"), "excluded", False),
    Situation("every-address-is-excluded", pod_annotation("excludeOutboundIPRanges", "0.0.0.0/0"), "excluded", False),
    Situation("only-private-ranges-are-included", pod_annotation("includeOutboundIPRanges", "10.0.0.0/8"), "excluded", False),
    Situation("the-rule-is-for-other-workloads", condition(sourceLabels={"app": "other"}), "no-mesh-rule"),
    Situation("the-rule-is-for-another-namespace", condition(sourceNamespace="team-z"), "no-mesh-rule"),
    Situation("the-rule-needs-a-header", condition(headers={"x-route": {"exact": "egress"}}), "no-mesh-rule"),
    Situation("the-rule-needs-a-path", condition(uri={"prefix": "/v2"}), "no-mesh-rule"),
    Situation("a-sidecar-listener-hides-the-route", sidecar_listener, "sidecar-hides"),
    Situation("an-egress-proxy-takes-it", egress_proxy, "sidecar-hides"),
    Situation("a-sidecar-listener-is-not-captured", own_socket, "not-captured"),
    Situation("a-delegate-is-kept-to-its-namespace", delegated(0, ["."]), "delegate-not-merged"),
    Situation("a-delegate-of-the-gateway-is-kept-to-its-namespace", delegated(1, ["."]), "delegate-not-merged"),
    Situation("private-addresses", with_addresses("10.99.0.1"), "other-addresses", True, PASSTHROUGH, "https"),
    Situation("an-envoyfilter-removes-the-listener", removed_listener, "changed-by-filter"),
    Situation("the-service-is-kept-to-its-namespace", exported_service, "service-not-exported"),
    Situation(
        "the-subset-selects-no-pod",
        to_gateway(lambda spec, _: spec["subsets"][0].update(labels={"version": "v9"})),
        "subset-without-pods",
    ),
    Situation("no-pod-is-ready", without_ready_pod, "no-ready-pod", False),
    Situation("the-rule-injects-a-fault", rule(0, _delayed), "answered"),
    Situation("the-rule-redirects", rule(0, _redirected), "answered"),
    Situation("a-part-is-routed-elsewhere", rule(0, _weighted), "partly-elsewhere"),
    Situation("https-to-a-gateway-for-http", lambda cluster, _: cluster, "other-scheme", False, HTTP, "https"),
    Situation("http-to-a-gateway-for-tls", lambda cluster, _: cluster, "other-scheme", False, PASSTHROUGH),
    Situation("https-to-a-gateway-that-originates", lambda cluster, _: cluster, "double-direct", True, ORIGINATION, "https"),
)  # fmt: skip


@pytest.mark.parametrize("at", [0, 1])
def test_a_missing_delegate_is_named_and_its_rule_written_instead(at: int) -> None:
    def change(spec: Any, _: str) -> None:
        del spec["http"][at]["route"]
        spec["http"][at]["delegate"] = {"name": "rules", "namespace": "team-b"}

    faults = found_in(vs(change), HTTP)
    assert faults[-1].after is not None
    assert faults[-1].after.result is Result.THROUGH
    assert "delegates to VirtualService team-b/rules, which does not exist" in faults[0].fault.sentence()


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_a_situation_is_named(situation: Situation) -> None:
    faults = found_in(situation.change, situation.on, situation.scheme)
    assert [each.fault.name for each in faults] == [situation.fault]
    fault = faults[0].fault
    assert fault.sentence()
    assert fault.evidence()
    through = faults[-1].after is not None and faults[-1].after.result is Result.THROUGH
    assert through is situation.corrected


def test_two_faults_on_one_route_are_found_in_their_order() -> None:
    def change(cluster: Cluster, on: str) -> Cluster:
        cluster = vs(lambda spec, _: spec.update(gateways=["istio-egressgateway"]))(cluster, on)
        return rule(0, lambda each, _: each["route"][0]["destination"]["port"].update(number=8080))(cluster, on)

    faults = found_in(change, HTTP)
    assert [each.fault.name for each in faults] == ["not-mesh", "wrong-port"]
    assert faults[-1].after is not None
    assert faults[-1].after.result is Result.THROUGH


def test_two_faults_that_only_together_let_the_request_through_are_both_named() -> None:
    def change(cluster: Cluster, on: str) -> Cluster:
        cluster = vs(lambda spec, _: spec.update(exportTo=["."]))(cluster, on)
        return entry(lambda spec, _: spec.update(exportTo=["."]))(cluster, on)

    faults = found_in(change, PASSTHROUGH, "https")
    assert {each.fault.name for each in faults} == {"not-seen-by-clients", "unknown-host"}
    assert faults[-1].after is not None
    assert faults[-1].after.result is Result.THROUGH


def test_a_fix_leaves_the_other_scheme_of_the_host_as_it_is() -> None:
    """The VirtualService has only tls rules, which work.

    The gateway has an HTTP server as well.
    """

    def change(cluster: Cluster, on: str) -> Cluster:
        server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["edition.cnn.com"]}
        cluster = changed(
            cluster, "Gateway", "istio-egressgateway", lambda each: each["spec"]["servers"].append(server)
        )
        port = {"number": 80, "name": "http", "protocol": "HTTP"}
        return entry(lambda spec, _: spec["ports"].append(port))(cluster, on)

    faults = found_in(change, PASSTHROUGH)
    assert [each.fault.name for each in faults] == ["wrong-kind"]
    fix = faults[0].fix
    assert fix is not None
    assert fix.title == "Add http rules"
    assert f"VirtualService team-egress/{VS}" in faults[0].fault.sentence()
