"""A check passes only if no failed read could change that (docs/rulings.md#ruling-28)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.check_run import run_check
from checks.facts.fact import Gap, Unreadable
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.model.findings import Finding, Observation, Severity, Status, healthy, skip, warn
from checks.model.raw_values import parse_moment
from tests.clusters.compose import named
from tests.recordings import question

NOW = parse_moment("2026-11-23T10:00:00Z")
SERVICES = Gap("kubernetes", "list", "services", 403, "forbidden")
ELSEWHERE = replace(SERVICES, namespace="team-b")
PASS = healthy("All is well.")


def finding(body: Iterator[Observation], facts: Facts) -> Finding:
    """The finding of a check of which this is the body."""
    check: Check = replace(catalogue()[0], run=lambda _: body, reads=(Service, Pod))
    (found,) = run_check(check, facts)
    return found


def view(gap: Gap = SERVICES) -> Facts:
    """Facts without Services."""
    assert NOW is not None
    store = FactStore(NOW)
    store.add_gap(Service, gap)
    return Facts(store, None, question(named("base"), "team-egress/egw"), frozenset({Service, Pod}))


def after_gap(facts: Facts) -> Iterator[Observation]:
    if facts.gap(Service) is None:
        yield warn("Never.", subject="", evidence=[])
    yield PASS


def after_readable(facts: Facts) -> Iterator[Observation]:
    assert facts.readable(Service) == ()
    yield PASS


def after_a_shared_value(facts: Facts) -> Iterator[Observation]:
    facts.once("services", lambda seen: seen.readable(Service))
    yield PASS


def after_a_shared_value_that_failed(facts: Facts) -> Iterator[Observation]:
    try:
        facts.once("all services", lambda seen: seen.all(Service))
    except Unreadable:
        yield PASS


@pytest.mark.parametrize(
    "body",
    [after_gap, after_readable, after_a_shared_value, after_a_shared_value_that_failed],
    ids=lambda f: f.__name__,
)
def test_a_check_that_goes_on_after_a_failed_read_does_not_pass(
    body: Callable[[Facts], Iterator[Observation]],
) -> None:
    facts = view()
    found = finding(body(facts), facts)
    assert (found.status, found.reason) == (Status.UNKNOWN, str(SERVICES))
    assert found.summary == "Not checked: list services: forbidden (403)."


def test_a_check_that_the_read_cannot_change_passes() -> None:
    def body(facts: Facts) -> Iterator[Observation]:
        facts.readable(Service)
        facts.disregard(Service)
        yield PASS

    facts = view()
    assert finding(body(facts), facts).status is Status.PASS


def test_a_failed_read_of_another_namespace_or_kind_prevents_no_pass() -> None:
    def body(facts: Facts) -> Iterator[Observation]:
        facts.readable(Service, "team-a")
        facts.readable(Pod)
        yield PASS

    facts = view(ELSEWHERE)
    assert finding(body(facts), facts).status is Status.PASS


def test_a_check_that_does_not_apply_needs_no_read() -> None:
    def body(facts: Facts) -> Iterator[Observation]:
        facts.readable(Service)
        yield skip("Nothing to check.")

    facts = view()
    assert finding(body(facts), facts).status is Status.SKIPPED


def test_a_read_that_can_hide_only_a_risk_leaves_the_verdict() -> None:
    def body(facts: Facts) -> Iterator[Observation]:
        facts.require_for_risk(Service)
        yield PASS

    facts = view()
    found = finding(body(facts), facts)
    assert (found.status, found.severity) == (Status.UNKNOWN, Severity.RISKS)


@pytest.mark.parametrize(("minutes", "kept"), [(-60, True), (4, True), (6, False)])
def test_a_fault_does_not_begin_in_the_future(minutes: int, kept: bool) -> None:
    assert NOW is not None
    since = NOW + timedelta(minutes=minutes)
    found = finding(iter([warn("It is risky.", subject="it", evidence=[], actions=[], since=since)]), view())
    assert found.since == (since if kept else None)
