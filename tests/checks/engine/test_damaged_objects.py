"""No object crashes a check, and a check that crashes hides no other.

The clusters are complete (tests/clusters); fields of them are nulled, dropped, retyped and filled with what people,
old controllers and other API versions write. `-m slow` damages every field once, and incidents; `make matrix` damages every
field in every way.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.facts.egress_gateway import AmbiguousGateway
from checks.facts.fact import ArmResource, Fact
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.model.findings import Observation, Report, Severity, Stage, Status, healthy
from tests.checks.engine.damages import MISSING, VALUES, WORDS, Place, damaged, places, reshaped, rewritten
from tests.clusters.compose import Cluster, compose, named, names
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question

CLUSTERS = names()
STORIES = {each.name: each for each in incidents()}
HOSTS = (None, "edition.cnn.com:80", "EDITION.cnn.com.", "*.cnn.com", "fd00::1", "nowhere.example")
CLIENTS = (None, "team-a/curl", "team-b", "nowhere/nobody")


def diagnose(cluster: Cluster, host: str | None = None, client: str | None = None) -> Report | None:
    try:
        done = diagnosed(cluster, question(cluster, "team-egress/egw", host, client))
    except AmbiguousGateway:
        return None
    # A gateway that neither the profile nor the cluster has any longer is an error in the command, without findings.
    return None if done.missing_gateway() is not None else done.finish(0.0)


def crashes(report: Report | None) -> list[str]:
    if report is None:
        return []
    crashed = [f"{f.check}: {f.summary}" for f in report.findings if "the check crashed" in f.summary]
    return crashed + [gap for gap in report.gaps if gap.startswith("recent changes: not checked")]


def statuses(cluster: Cluster) -> dict[str, Status]:
    report = diagnose(cluster)
    assert report is not None
    return {finding.check: finding.status for finding in report.findings}


@cache
def places_in(name: str) -> list[Place]:
    return places(named(name))


@cache
def places_of(incident: str) -> list[Place]:
    return places(STORIES[incident].cluster)


@st.composite
def damaged_clusters(draw: st.DrawFn, stories: bool = False) -> Cluster:
    """A whole cluster, or the one of an incident, with some damaged fields."""
    name = draw(st.sampled_from(sorted(STORIES) if stories else CLUSTERS))
    cluster, fields = (STORIES[name].cluster, places_of(name)) if stories else (named(name), places_in(name))
    if draw(st.integers(0, 9)) == 9:
        cluster = reshaped(cluster, draw(st.sampled_from((1, 3, 40))))
    wrong = st.tuples(st.sampled_from(fields), st.sampled_from(VALUES + WORDS), st.integers(1, 3))
    for place, value, every in draw(st.lists(wrong, min_size=1, max_size=25)):
        cluster = damaged(cluster, place, value, every)
    return cluster


def judge(cluster: Cluster, host: str | None, client: str | None) -> None:
    report = diagnose(cluster, host, client)
    assert crashes(report) == []
    if report is not None:
        assert {finding.check for finding in report.findings} == {check.slug for check in catalogue()}


MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(MANY, max_examples=25)
@given(damaged_clusters(), st.sampled_from(HOSTS), st.sampled_from(CLIENTS))
def test_no_check_crashes_on_damaged_objects(cluster: Cluster, host: str | None, client: str | None) -> None:
    judge(cluster, host, client)


@pytest.mark.slow
@settings(MANY, max_examples=80)
@given(damaged_clusters(stories=True), st.sampled_from(HOSTS), st.sampled_from(CLIENTS))
def test_no_check_crashes_on_damaged_objects_of_incidents(
    cluster: Cluster, host: str | None, client: str | None
) -> None:
    judge(cluster, host, client)


@pytest.mark.matrix
@pytest.mark.timeout(1200)
@settings(MANY, max_examples=3000)
@given(damaged_clusters(stories=True), st.sampled_from(HOSTS), st.sampled_from(CLIENTS))
def test_no_check_crashes_on_many_more_damaged_objects(cluster: Cluster, host: str | None, client: str | None) -> None:
    judge(cluster, host, client)


@cache
def readers(kind: str) -> tuple[Check, ...]:
    """The checks that read objects of a kind, also those that read them to find others.

    A check reads nothing else.

    Every diagnosis finds its gateway by some kinds, whichever checks it runs.
    """
    return tuple(check for check in catalogue() if any(kind in _kinds(fact) for fact in check.reads))


def _kinds(fact: type[Fact]) -> set[str]:
    """The names in `damages` of the objects behind a fact and behind the reads that precede it."""
    origin = fact.origin
    found = {str(getattr(fact, "kind", "")), AZURE.get(origin.resource, "")}
    if isinstance(origin, ArmResource):
        found.add("resource")
    return found.union(*(_kinds(earlier) for earlier in getattr(origin, "after", ())))


AZURE = {"managedClusters": "managedCluster", "agentPools": "agentPool"}
ANYTHING = (MISSING, None, 7, {"x": None})
EVERY = ("base", "mutual-tls-origination", "upgrade-two-revisions")


@cache
def all_fields() -> dict[Place, str]:
    """Every field of the three clusters, with the first that has it.

    The first entry of a list stands for all of them.
    """
    found: dict[tuple[str, tuple[str, ...]], tuple[Place, str]] = {}
    for name in EVERY:
        for place in places_in(name):
            keys = tuple(key for key in place.path if isinstance(key, str))
            found.setdefault((place.kind, keys), (place, name))
    return dict(found.values())


def judge_field(name: str, place: Place, value: Any) -> None:
    cluster = damaged(named(name), place, value)
    wanted = question(cluster, "team-egress/egw")
    with suppress(AmbiguousGateway):
        assert crashes(diagnosed(cluster, wanted, readers(place.kind)).finish(0.0)) == [], str(place)


@pytest.mark.slow
def test_every_field_of_every_object_may_be_missing_or_anything() -> None:
    assert len(all_fields()) > 1000
    for number, (place, name) in enumerate(all_fields().items()):
        judge_field(name, place, ANYTHING[number % 4])


@pytest.mark.matrix
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("value", ANYTHING, ids=repr)
@pytest.mark.parametrize("name", EVERY)
def test_every_field_of_every_object_may_be_anything(name: str, value: Any) -> None:
    for place in places_in(name):
        assert crashes(diagnose(damaged(named(name), place, value))) == [], str(place)


@pytest.mark.slow
@pytest.mark.parametrize("value", [MISSING, "x"], ids=repr)
def test_every_top_level_part_of_every_kind_may_be_missing_or_wrong(value: Any) -> None:
    for place in (each for each in places_in("many-webhooks-and-routes") if len(each.path) == 1):
        judge_field("many-webhooks-and-routes", place, value)


def test_times_without_a_zone_and_without_sense() -> None:
    times = [p for p in places_in("base") if str(p.path[-1]).lower().endswith(("time", "timestamp", "time'", "at"))]
    assert len(times) > 20
    for value in (
        "2026-11-23T09:58:00",
        "soon",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        MISSING,
        None,
        1763899200,
    ):
        cluster = named("base")
        for place in times:
            cluster = damaged(cluster, place, value)
        assert crashes(diagnose(cluster)) == [], value


@pytest.mark.parametrize("name", CLUSTERS)
def test_ports_as_strings_change_no_verdict(name: str) -> None:
    def quoted(kind: str, key: Any, value: Any) -> Any:
        port = kind in ("Gateway", "ServiceEntry", "VirtualService") and key in ("number", "port", "targetPort")
        return str(value) if port and isinstance(value, int) else value

    cluster = rewritten(named(name), quoted)
    assert cluster != named(name)
    assert statuses(cluster) == statuses(named(name))


@pytest.mark.parametrize("name", ["base", "tls-origination", "default-namespace"])
def test_hosts_with_capitals_change_no_verdict(name: str) -> None:
    """Istiod compares hosts without regard to capitals; a dot at the end makes another host."""

    def shouted(kind: str, key: Any, value: Any) -> Any:
        host = kind in ("ServiceEntry", "VirtualService", "Gateway", "DestinationRule") and key in ("hosts", "host")
        return value.replace("edition.cnn.com", "Edition.CNN.com") if host and isinstance(value, str) else value

    cluster = rewritten(named(name), shouted)
    assert cluster != named(name)
    assert statuses(cluster) == statuses(named(name))


def test_events_of_either_api_mean_the_same() -> None:
    for name in CLUSTERS:
        assert statuses(reshaped(named(name))) == statuses(named(name))


def test_ten_thousand_events_are_read() -> None:
    one = {"on": "Pod team-egress/egw-asm-1-30-abc", "reason": "Unhealthy", "message": "probe failed", "age": "3m"}
    report = diagnose(reshaped(compose(named("base"), {"events": [one]}), 1500))
    assert report is not None
    assert crashes(report) == []
    assert len(report.changes) <= 18


def _crashes(facts: Facts) -> Iterator[Observation]:
    yield healthy("All is well so far.")
    raise KeyError(f"no {facts.gateway.name} among {len(facts.all(Pod))} pods")


BROKEN = Check(
    code="EG999",
    slug="test-only",
    stage=Stage.ISTIO,
    title="A check with a defect",
    severity=Severity.BLOCKS,
    article=(),
    partly=(),
    scope=catalogue()[-1].scope,
    hop="sidecar",
    reads=(Pod,),
    explains={},
    page="",
    run=_crashes,
)


def test_a_check_that_crashes_is_unknown_with_a_token_and_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    cluster = named("base")
    wanted = question(cluster, "team-egress/egw")
    without = diagnosed(cluster, wanted).finish(0.0)
    with caplog.at_level(logging.ERROR):
        report = diagnosed(cluster, wanted, (BROKEN, *catalogue())).finish(0.0)
    (finding,) = [f for f in report.findings if f.check == "test-only"]
    assert finding.status is Status.UNKNOWN
    token = finding.summary.partition("error ")[2].partition(",")[0]
    assert len(token) == 8
    assert finding.summary == (
        f"Not checked: the check crashed (error {token}, KeyError); the log of this run has the details."
    )
    assert token in caplog.text
    assert "no egw among" in caplog.text
    assert "no egw among" not in finding.summary
    assert tuple(f for f in report.findings if f.check != "test-only") == without.findings


def test_findings_made_before_a_check_crashed_are_kept() -> None:
    def half(facts: Facts) -> Iterator[Observation]:
        yield Observation(Status.FAIL, "A pod is gone.", "Pod a/b")
        raise ValueError(facts.gateway.name)

    cluster = named("base")
    check = replace(BROKEN, run=half)
    report = diagnosed(cluster, question(cluster, "team-egress/egw"), (check,)).finish(0.0)
    assert [f.status for f in report.findings] == [Status.FAIL, Status.UNKNOWN]
