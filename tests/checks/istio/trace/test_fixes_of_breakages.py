"""Corrections, applied to the bundle, restore the route and change no other host's."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import yaml

from checks.model.route import Correction, Outcome, Route
from tests.checks.istio.trace import kubectl
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, Breakage, client_host_of, host_of
from tests.checks.istio.trace.traced import meant, traced
from tests.clusters.compose import Cluster, before, identity, named, uid_of
from tests.istiod.corrections import Corrected, confirm

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

ROUNDS = 3
"""A fault that a correction uncovers may need one of its own."""

CASES = [pytest.param(each, on, id=f"{each} on {on}") for each in BREAKAGES if each.fixable for on in each.on]


def parsed(text: str) -> dict[str, Any]:
    """The object of a manifest."""
    return dict(yaml.load(text, Loader=yaml.CSafeLoader))


def applied(cluster: Cluster, correction: Correction) -> Cluster:
    """The cluster after `kubectl apply` of the corrected manifest."""
    manifest = parsed(correction.manifest)
    who = identity(manifest)
    old = next((each for each in cluster.objects if identity(each)[1:] == who[1:]), None)
    new = copy.deepcopy(manifest)
    metadata = copy.deepcopy(old["metadata"]) if old is not None else {"uid": uid_of(*who)}
    metadata.setdefault("creationTimestamp", before(cluster.captured_at, "1m"))
    new["metadata"] = {**metadata, **new["metadata"]}
    kept = tuple(each for each in cluster.objects if each is not old)
    return replace(cluster, objects=(*kept, new))


def failing(route: Route) -> list[Correction]:
    """The corrections of the first request that does not get through."""
    request = next(request for request in meant(route) if request.outcome is not Outcome.THROUGH)
    return list(request.corrections)


@cache
def _broken(broken: Breakage, on: str) -> tuple[Cluster, Route]:
    """The cluster with the breakage, and its route."""
    cluster = broken.do(named(on), on)
    return cluster, traced(cluster, client_host_of(on), broken.client)


def corrected(broken: Breakage, on: str) -> tuple[Cluster, Route, list[str]]:
    """The cluster after the corrections, its route, and what was applied."""
    cluster, route = _broken(broken, on)
    done: list[str] = []
    for _ in range(ROUNDS):
        if route.routed:
            break
        corrections = failing(route)
        assert corrections, f"nothing fixes {route.summary}"
        for each in corrections:
            cluster = applied(cluster, each)
        done += [f"{each.title}\n{each.manifest}" for each in corrections]
        route = traced(cluster, client_host_of(on), broken.client)
    return cluster, route, done


def judged(broken: Breakage, on: str, cluster: Cluster) -> Corrected:
    return Corrected(f"{broken} on {on}", cluster, client_host_of(on), broken.client)


def _judged(broken: Breakage, on: str) -> Corrected:
    return judged(broken, on, corrected(broken, on)[0])


def every_corrected() -> Iterator[Callable[[], Corrected]]:
    """All corrected clusters, for istiod's code."""
    for broken in (each for each in BREAKAGES if each.fixable):
        for on in broken.on:
            yield partial(_judged, broken, on)


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_the_corrected_objects_restore_the_route(broken: Breakage, on: str) -> None:
    cluster, route, done = corrected(broken, on)
    assert route.routed, "\n".join([*done, "still:", route.summary])
    confirm(judged(broken, on, cluster))


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_the_command_and_the_manifest_of_a_correction_make_the_same(broken: Breakage, on: str) -> None:
    cluster, route = _broken(broken, on)
    for each in failing(route):
        by_command, by_manifest = kubectl.run(cluster, each.command), applied(cluster, each)
        who = identity(parsed(each.manifest))[1:]
        specs = [
            next(o.get("spec", o.get("data")) for o in c.objects if identity(o)[1:] == who)
            for c in (by_command, by_manifest)
        ]
        assert specs[0] == specs[1]


@cache
def two_hosts(on: str) -> Cluster:
    """The canonical configuration twice.

    The second one has a host and objects of its own on the same Gateway server.
    """
    cluster = named(on)
    objects = list(cluster.objects)
    first, second = host_of(on), "api.bank.example"
    for each in cluster.objects:
        _, kind, namespace, name = identity(each)
        if namespace != "team-egress" or kind not in ("VirtualService", "ServiceEntry", "DestinationRule"):
            continue
        text = yaml.safe_dump({"spec": each["spec"]}).replace(first, second).replace("subset: cnn", "subset: bank")
        twin = {**copy.deepcopy(each), **parsed(text.replace("name: cnn", "name: bank"))}
        twin["metadata"] = {**each["metadata"], "name": f"{name}-bank", "uid": uid_of(kind, name, "bank")}
        objects.append(twin)
    for index, each in enumerate(objects):
        if identity(each)[1:] == ("Gateway", "team-egress", "istio-egressgateway"):
            objects[index] = copy.deepcopy(each)
            objects[index]["spec"]["servers"][0]["hosts"].append(second)
    return replace(cluster, objects=tuple(objects))


def test_the_second_host_is_whole_by_itself() -> None:
    for on in {on for each in BREAKAGES for on in each.on}:
        route = traced(two_hosts(on), "api.bank.example")
        assert route.routed, (on, route.summary)


@pytest.mark.parametrize(("broken", "on"), CASES)
def test_the_effect_of_a_correction_on_other_hosts_is_true(broken: Breakage, on: str) -> None:
    """If it reports no effect on others, the outcomes of their requests stay."""
    cluster = broken.do(two_hosts(on), on)
    other = traced(cluster, "api.bank.example", broken.client)
    route = traced(cluster, client_host_of(on))
    asked = route if broken.client is None else traced(cluster, client_host_of(on), broken.client)
    for each in () if route.routed else failing(asked):
        cluster = applied(cluster, each)
        if each.elsewhere != "none":
            return
    assert routes(traced(cluster, "api.bank.example", broken.client)) == routes(other)


def routes(route: Route) -> set[object]:
    return {(each.scheme, each.outcome, client) for each in route.requests for client in each.clients}


def test_a_correction_is_the_smallest_change() -> None:
    broken = next(each for each in BREAKAGES if each.name == "the Service's name is cut short")
    (request,) = meant(traced(broken.do(named(HTTP), HTTP), client_host_of(HTTP)))
    (correction,) = request.corrections
    before_ = next(
        o for o in named(HTTP).objects if o["kind"] == "VirtualService" and o["metadata"]["namespace"] == "team-egress"
    )
    assert parsed(correction.manifest)["spec"] == before_["spec"]
    assert correction.elsewhere == "none"


def test_a_host_without_configuration_gets_everything_it_needs_at_once() -> None:
    cluster = named(HTTP)
    host = "api.bank.example:80"
    corrections = failing(traced(cluster, host))
    assert [each.resource.partition(" ")[0] for each in corrections] == ["ServiceEntry", "Gateway", "VirtualService"]
    for each in corrections:
        cluster = applied(cluster, each)
    assert traced(cluster, host).routed
    assert traced(cluster, client_host_of(HTTP)).routed
