"""Objects of others, other names and the order of objects never change a route."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.model.route import Route
from checks.reports.document import ROUTE
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, HTTP, Breakage, host_of
from tests.checks.istio.trace.traced import istio, plus, traced
from tests.clusters.compose import Cluster, Manifest, identity, named

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

CASES = [(each, on) for each in BREAKAGES for on in each.on] + [(None, on) for on in ALL]

cases = st.sampled_from(CASES)


def cluster_of(case: tuple[Breakage | None, str]) -> tuple[Cluster, str, str | None]:
    broken, on = case
    cluster = named(on) if broken is None else broken.do(named(on), on)
    return cluster, host_of(on), broken.client if broken is not None else None


hosts = st.sampled_from(["other.example.net", "api.other.example.net", "*.other.example.net"])
namespaces = st.sampled_from(["team-b", "shop", "default"])
ports = st.sampled_from([(80, "HTTP"), (443, "TLS"), (443, "HTTPS"), (8443, "TLS"), (5432, "TCP")])


@st.composite
def unrelated(draw: st.DrawFn) -> Manifest:
    """An object about another host, in another namespace, or exported only to its own."""
    kind = draw(
        st.sampled_from(
            ["ServiceEntry", "VirtualService", "DestinationRule", "Gateway", "Sidecar", "AuthorizationPolicy"]
        )
    )
    namespace, host = draw(namespaces), draw(hosts)
    port, protocol = draw(ports)
    name = f"unrelated-{draw(st.integers(0, 99))}"
    export = draw(st.sampled_from([{}, {"exportTo": ["."]}, {"exportTo": ["~"]}, {"exportTo": ["shop"]}]))
    match kind:
        case "ServiceEntry":
            entry = {"hosts": [host], "ports": [{"number": port, "name": "p", "protocol": protocol}], **export}
            return istio(
                kind, name, entry | {"resolution": draw(st.sampled_from(["DNS", "NONE", "STATIC"]))}, namespace
            )
        case "VirtualService":
            route = [{"route": [{"destination": {"host": host, "port": {"number": port}}}]}]
            gateways = draw(st.sampled_from([{}, {"gateways": ["mesh"]}, {"gateways": ["unrelated-gateway", "mesh"]}]))
            return istio(kind, name, {"hosts": [host], "http": route, **gateways, **export}, namespace)
        case "DestinationRule":
            tls = {"tls": {"mode": draw(st.sampled_from(["SIMPLE", "ISTIO_MUTUAL", "DISABLE"]))}}
            return istio(kind, name, {"host": host, "trafficPolicy": tls, **export}, namespace)
        case "Gateway":
            server = {"port": {"number": port, "name": "p", "protocol": "HTTP"}, "hosts": [host]}
            return istio(kind, name, {"selector": {"istio": "theirs"}, "servers": [server]}, namespace)
        case "Sidecar":
            return istio(kind, name, {"egress": [{"hosts": ["./*"]}]}, "shop")
        case _:
            return istio(kind, name, {}, namespace, "security")


def as_json(route: Route) -> str:
    return json.dumps(ROUTE.dump_python(route, mode="json"), sort_keys=True)


@settings(max_examples=120, deadline=None)
@given(cases, st.lists(unrelated(), min_size=1, max_size=6, unique_by=identity), st.sampled_from(["400d", "1h"]))
def test_unrelated_objects_change_nothing(case: tuple[Breakage | None, str], others: list[Manifest], age: str) -> None:
    cluster, host, client = cluster_of(case)
    before = as_json(traced(cluster, host, client))
    for each in others:
        cluster = plus(cluster, each, age=age)
    assert as_json(traced(cluster, host, client)) == before


NAMES = {
    "team-egress": "payments",
    "team-a": "front",
    "team-b": "night",
    "edition.cnn.com": "api.shop.example",
    "wikipedia.org": "bank.example",
    "direct-cnn-through-egress-gateway": "bank",
    "istio-egressgateway": "hosts",
    "egressgateway-for-cnn": "to-gateway",
    "originate-tls-for-cnn": "tls-to-bank",
    "client-credential": "bank-certificate",
    "cnn": "bank-entry",
}
"""New names for everything that has one, none of which sorts as before."""


def renamed(value: Any) -> Any:
    if isinstance(value, str):
        for old, new in NAMES.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {renamed(key): renamed(each) for key, each in value.items()}
    return [renamed(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0] or 'healthy'} on {case[1]}")
def test_other_names_for_everything_change_no_verdict(case: tuple[Breakage | None, str]) -> None:
    cluster, host, client = cluster_of(case)
    other = replace(
        cluster,
        objects=tuple(renamed(each) for each in cluster.objects),
        managed_cluster=renamed(cluster.managed_cluster),
        logs={renamed(key): renamed(text) for key, text in cluster.logs.items()},
    )
    one = traced(cluster, host, client)
    two = traced(other, renamed(host), renamed(client), gateway="payments/egw")
    assert verdicts(two) == verdicts(one)


def verdicts(route: Route) -> list[object]:
    return [
        (
            request.scheme,
            request.outcome,
            request.meant,
            len(request.clients),
            request.answer,
            request.address,
            [(hop.name, hop.mark, hop.cause, hop.finding) for hop in request.hops],
            len(request.corrections),
        )
        for request in route.requests
    ]


@settings(max_examples=80, deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_objects_changes_nothing(case: tuple[Breakage | None, str], chance: random.Random) -> None:
    cluster, host, client = cluster_of(case)
    objects = list(cluster.objects)
    chance.shuffle(objects)
    assert as_json(traced(replace(cluster, objects=tuple(objects)), host, client)) == as_json(
        traced(cluster, host, client)
    )


def test_age_decides_as_in_istio() -> None:
    """Of two VirtualServices for one host the older counts at sidecars (IST0109)."""
    elsewhere = next(each for each in BREAKAGES if each.name == "an older VirtualService sends the host elsewhere")
    older = elsewhere.do(named(HTTP), HTTP)
    straight = next(each for each in older.objects if each["metadata"]["name"] == "straight")
    objects = tuple(each for each in older.objects if each is not straight)
    younger = plus(
        replace(older, objects=objects),
        {**straight, "metadata": {"name": "straight", "namespace": "team-egress"}},
        "1h",
    )
    assert not traced(older, host_of(HTTP)).routed
    route = traced(younger, host_of(HTTP))
    assert route.routed
    (request,) = [request for request in route.requests if request.meant]
    assert any(
        "newer than VirtualService team-egress/direct" in rival.why for hop in request.hops for rival in hop.rivals
    )
