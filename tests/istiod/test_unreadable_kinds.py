"""A kind that could not be read makes unknown only what it can change.

An outcome that is given without it holds whatever the kind contains.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from checks.facts.fact import Fact, Gap, KubernetesObject, Unreadable
from checks.facts.gateway_api import HTTPRoute, KubernetesGateway
from checks.facts.istio_networking import ServiceEntry
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import router_of
from checks.istio.request.wire import Connection, request_layers
from checks.model.question import ClusterIdentity
from checks.model.question import Question as DiagnosisQuestion
from tests.checks.istio.faults.diagnosed import READS, store_about
from tests.clusters.compose import Cluster, named
from tests.istiod.question import Question
from tests.istiod.recorded import answered, answered_gateway_api
from tests.recordings import question

ONE_OF, REQUESTS = 25, 3
"""One of so many recorded meshes is compared, and so many requests of each."""
_NOT_COMPARED = frozenset({Pod, Deployment})
"""Kinds that the router does not read.

Clients are pods, and Deployments only say which pods belong to the gateway of the run.
"""

_KINDS = [each for each in ROUTER_READS if issubclass(each, KubernetesObject) and each not in _NOT_COMPARED]
_DISCOVERING = "20261129-201"
"""A recorded mesh with discovery selectors."""
_BASE = ("base", "tls-passthrough", "tls-origination", "mutual-tls-origination")

_Sample = tuple[FactStore, tuple[Question, ...]]


@cache
def _samples() -> tuple[_Sample, ...]:
    """Recorded meshes and canonical configurations, with requests."""
    every = (*answered(), *answered_gateway_api())
    recorded = [*every[::ONE_OF], *(each for each in every if each.identity == _DISCOVERING)]
    found = [(_store(each.objects, each.questions[0].gateway), each.questions[:REQUESTS]) for each in recorded]
    usual = tuple(
        Question("team-egress/egw", "edition.cnn.com", scheme, "team-a", port)
        for scheme, port in (("http", 80), ("https", 443))
    )
    stores = [_store(named(each), "team-egress/egw") for each in _BASE]
    return (*found, *((each, usual) for each in (*stores, *_referring(stores[0]))))


def _referring(store: FactStore) -> Iterator[FactStore]:
    """The store with objects that refer to kinds that few meshes have."""
    selector = {"workloadSelector": {"labels": {"app": "external"}}, "resolution": "STATIC"}
    entries = [
        ServiceEntry({**each.raw, "spec": {**each.raw["spec"], **selector}}) for each in store.known(ServiceEntry)
    ]
    yield store.with_facts({ServiceEntry: entries})
    yield store.with_facts(
        {Pod: [_with_label(each, "security.istio.io/tlsMode", "istio") for each in store.known(Pod)]}
    )
    yield store.with_facts({KubernetesGateway: _hostile(KubernetesGateway), HTTPRoute: _hostile(HTTPRoute)})


def _with_label(pod: Pod, name: str, value: str) -> Pod:
    metadata = pod.raw["metadata"]
    return Pod({**pod.raw, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), name: value}}})


def _store(cluster: Cluster, gateway: str) -> FactStore:
    return store_about(cluster, question(cluster, gateway))


@cache
def _every_hostile() -> Mapping[type[Fact], list[Fact]]:
    """By kind: an object that changes every request that objects of the kind can change."""
    found: dict[type[Fact], list[Fact]] = defaultdict(list)
    for raw in yaml.safe_load_all(Path(__file__).with_name("hostile.yaml").read_text(encoding="utf-8")):
        group = raw["apiVersion"].rpartition("/")[0]
        own = (one for one, origin in LISTED_KINDS.values() if (origin.group, one.kind) == (group, raw["kind"]))
        of = next(own)
        found[of].append(of(raw))
    return found


def _hostile(kind: type[Fact]) -> list[Fact]:
    return list(_every_hostile().get(kind, ()))


@cache
def _everywhere() -> Mapping[type[Fact], list[Fact]]:
    """The objects of all samples, by kind."""
    known = {kind: [each for store, _ in _samples() for each in store.known(kind)] for kind in _KINDS}
    return {kind: list({each.key: each for each in every}.values()) for kind, every in known.items()}


def _contents(store: FactStore, kind: type[Fact]) -> Iterator[list[Fact]]:
    """Possible objects of the kind.

    They are its own, none, those of all samples, and hostile ones alone and beside its own.
    """
    own, hostile = list(store.known(kind)), _hostile(kind)
    yield own
    yield []
    yield _everywhere()[kind]
    yield hostile
    names = {each.key for each in hostile}
    yield [*(each for each in own if each.key not in names), *hostile]


def _outcome(store: FactStore, question: Question) -> RequestOutcome:
    target = store.targets[0]
    facts = Facts(store, target, DiagnosisQuestion(ClusterIdentity("test"), target.name, target.namespace), READS)
    namespace, _, workload = question.client.partition("/")
    pods = [each for each in facts.in_namespace(Pod, namespace) if each.name.startswith(workload)]
    layers = request_layers(
        question.scheme,
        question.host,
        question.target_port,
        question.method,
        question.path,
        dict(question.headers),
    )
    connection = Connection(question.host, question.target_port, layers)
    return router_of(facts).send(pods[0], connection, question.gateway, question.host)


def _unreadable(store: FactStore, kind: type[Fact]) -> FactStore:
    """The same facts without the kind, whose read was denied."""
    other = store.with_facts({kind: []})
    other.add_gap(kind, Gap("kubernetes", "list", kind.__name__, 403, ""))
    return other


def _certain(store: FactStore, question: Question) -> RequestOutcome | None:
    """The outcome of a request; None if it is not known."""
    try:
        found = _outcome(store, question)
    except Unreadable:
        return None
    return found if found.result is not Result.UNKNOWN else None


def _decisive(found: RequestOutcome) -> object:
    return found.result, found.status, sorted((each.share, each.destination, each.reason) for each in found.ends)


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__)
def test_an_outcome_without_a_kind_is_the_same_for_every_content_of_the_kind(kind: type[Fact]) -> None:
    decides = 0
    for store, questions in _samples():
        without = _unreadable(store, kind)
        given = [(each, found) for each in questions if (found := _certain(without, each)) is not None]
        for content in _contents(store, kind):
            held = store.with_facts({kind: content})
            for each, found in given:
                assert _decisive(_outcome(held, each)) == _decisive(found), (each.url, each.client)
            decides += sum(_decided(held, each) != _decided(store, each) for each in questions)
        decides += len(questions) - len(given)
    assert decides, "the kind decides no request of the samples"


def _decided(store: FactStore, question: Question) -> object:
    return _decisive(_outcome(store, question))


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__)
def test_a_mesh_after_a_change_decides_as_one_that_shares_nothing(kind: type[Fact]) -> None:
    compared = 0
    for store, questions in _samples()[::3]:
        for each in questions:
            _outcome(store, each)  # the parts that are shared
        for content in _contents(store, kind):
            shared, alone = store.with_facts({kind: content}), store.with_facts({kind: content})
            alone.before_changes = None
            for each in questions:
                assert _decided(shared, each) == _decided(alone, each), (each.url, each.client)
                compared += 1
    assert compared


_REFERRED = {"Namespace", "ReferenceGrant", "GatewayClass", "WorkloadEntry", "ListenerSet", "TCPRoute"}
"""Kinds that are read only if an object of another kind refers to them.

The version of these clusters reads no TCPRoutes.
"""
_BEHIND = {
    "EndpointSlice",
    "BackendTLSPolicy",
    "AuthorizationPolicy",
    "KubernetesGateway",
    "DestinationRule",
    "Gateway",
}
"""Kinds that decide only what happens behind the client's sidecar."""


@pytest.mark.parametrize(
    ("configuration", "scheme", "port", "without_effect"),
    [
        ("base", "http", 80, {*_REFERRED, "Secret", "PeerAuthentication"}),
        ("base", "http", 8080, {*_REFERRED, *_BEHIND, "Secret", "PeerAuthentication"}),
        ("tls-passthrough", "https", 443, {*_REFERRED, "Secret", "PeerAuthentication"}),
        ("mutual-tls-origination", "http", 80, {*_REFERRED, "PeerAuthentication"}),
    ],
)
def test_only_kinds_that_can_change_an_outcome_make_it_unknown(
    configuration: str, scheme: str, port: int, without_effect: set[str]
) -> None:
    store = _store(named(configuration), "team-egress/egw")
    request = Question("team-egress/egw", "edition.cnn.com", scheme, "team-a", port)
    assert _certain(store, request) is not None
    known = {kind.__name__ for kind in _KINDS if _certain(_unreadable(store, kind), request) is not None}
    assert known == without_effect
