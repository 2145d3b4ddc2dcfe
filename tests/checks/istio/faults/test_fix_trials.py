"""A fix must get its request further, and its effect names only requests for other hosts."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from checks.facts.changes import Apply
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.fix_trials import FixTrial
from checks.istio.faults.gateway.shared_port import at_shared_port
from checks.istio.faults.proposed_objects import is_proposed
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.faults.side_effects import effect_on_others, makes_worse
from checks.istio.fixes.affected import NO_EFFECT
from checks.istio.fixes.fields import appended, networking_manifest, set_field
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.model.findings import Evidence
from checks.model.route import HopName
from tests.checks.istio.faults.diagnosed import facts_about
from tests.checks.istio.trace.traced import changed
from tests.clusters.compose import Cluster, compose, named

VS, HOST = "direct-cnn-through-egress-gateway", "edition.cnn.com"


@dataclass(frozen=True)
class Shows(RouteFault):
    """A fault whose evidence is one field."""

    resource: str
    field: str = "spec.hosts"
    name: ClassVar[str] = "shows"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "virtual-service-route-broken"

    def sentence(self) -> str:
        return f"{self.resource} is wrong"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.resource, self.field, "x", "y"),)


def without_gateway_rule() -> Cluster:
    """The base cluster without the rule by which the gateway sends requests to the host."""
    return changed(named("base"), "VirtualService", VS, lambda each: each["spec"]["http"].__delitem__(1))


def broken(cluster: Cluster, path: str = "/", **request: Any) -> BrokenRequest:
    facts = facts_about(cluster, HOST, "team-a")
    routing = Routing(facts)
    sent = replace(ClientRequest("http", HOST, 80, clients_of(facts)[0], path), **request)
    return BrokenRequest(routing, sent, routing.outcome(sent))


def virtual_service(about: BrokenRequest) -> VirtualService:
    return next(each for each in about.facts.readable(VirtualService) if each.name == VS)


def proved_fix(about: BrokenRequest) -> tuple[RouteFault, Fix]:
    proved = faults_of(about, READERS)[0][-1]
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH
    assert proved.fix is not None
    return proved.fault, proved.fix


def test_a_fix_that_gets_the_request_no_further_is_not_proved() -> None:
    """The gateway has no rule for the host: another host in the VirtualService changes nothing."""
    about = broken(without_gateway_rule())
    trial = FixTrial(about, about, ())
    useless = Fix("Add a host", (appended(virtual_service(about), "spec.hosts", "other.example"),))
    assert trial.with_fixes([(Shows("x"), useless)]) is None
    found = trial.with_fixes([proved_fix(about)])
    assert found is not None
    assert found.result is Result.THROUGH


def test_the_effect_on_others_does_not_name_the_requested_host() -> None:
    """The fix for POST requests also changes GET requests to the host, as its title says."""
    about = broken(without_gateway_rule(), method="POST")
    _, fix = proved_fix(about)
    assert effect_on_others(about, (), fix.changes) == NO_EFFECT


def test_a_fix_that_takes_over_the_redirect_of_another_path_makes_it_worse() -> None:
    """The gateway redirects /old as intended, and has no rule for the other paths."""
    own = virtual_service(broken(named("base"))).raw["spec"]["http"][1]
    gateways = own["match"][0]["gateways"]
    old = {"match": [{"gateways": gateways, "uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
    about = broken(changed(named("base"), "VirtualService", VS, lambda each: each["spec"]["http"].__setitem__(1, old)))
    assert about.outcome.result is Result.FAILS
    service = virtual_service(about)
    first, *others = service.raw["spec"]["http"]
    behind = (set_field(service, "spec.http", [first, *others, own]),)
    instead = (set_field(service, "spec.http", [first, own]),)
    for changes, worse in ((behind, False), (instead, True)):
        after = Routing(about.facts.with_changes(changes))
        assert after.outcome(about.request).result is Result.THROUGH
        assert makes_worse(about, after, changes) is worse


def test_a_fault_of_an_object_that_only_the_fix_creates_belongs_to_the_fix() -> None:
    about = broken(without_gateway_rule())
    facts, service = about.facts, virtual_service(about)
    created = Apply(networking_manifest("ServiceEntry", "new", "team-a", {"hosts": ["new.example"]}))
    added = appended(service, "spec.hosts", "other.example")
    place = len(service.raw["spec"]["hosts"])
    assert is_proposed(facts, (created,), Shows("ServiceEntry team-a/new"), None)
    assert is_proposed(facts, (created,), Shows("x"), Fix("Change it", (created,)))
    assert is_proposed(facts, (added,), Shows(service.ref, f"spec.hosts[{place}]"), None)
    assert not is_proposed(facts, (), Shows("ServiceEntry team-a/new"), None)
    assert not is_proposed(facts, (created, added), Shows(service.ref, "spec.hosts[0]"), None)


def test_an_http_rule_of_a_delegate_is_not_a_tcp_rule_of_another_host() -> None:
    """A delegate has no hosts, so none of them is the requested one."""
    delegate = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "part", "namespace": "team-a"},
        "spec": {"http": [{"route": [{"destination": {"host": "gone.team-a.svc.cluster.local"}}]}]},
    }
    to_part = {"match": [{"uri": {"prefix": "/"}}], "delegate": {"name": "part", "namespace": "team-a"}}
    cluster = compose(
        changed(
            named("base"), "VirtualService", VS, lambda each: each["spec"].update(http=[to_part], gateways=["mesh"])
        ),
        {"add": [delegate]},
    )
    about = broken(cluster)
    assert about.outcome.result is not Result.THROUGH
    sources = {each.origin.source.ref for each in about.end.steps if each.origin.source is not None}
    assert "VirtualService team-a/part" in sources, sources
    assert list(at_shared_port(about)) == []
