"""The corrected objects that findings offer, run one after another, restore the route."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Effect, Finding, Report, Status
from tests.checks.istio.trace.kubectl import run
from tests.clusters.compose import Cluster, compose, named
from tests.istiod.corrections import GATEWAY, Corrected, confirm
from tests.recordings import diagnosed, question
from tests.scenarios.cases import Case, cases_of

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

CORRECTED = (
    "gateway-selector-mismatch",
    "gateway-server-unreachable",
    "virtual-service-route-broken",
    "service-entry-missing",
    "service-entry-not-dns",
    "tls-contract-broken",
    "application-sends-tls",
)
CHECKS = [check for check in catalogue() if check.slug in CORRECTED]
ROUNDS = 6
"""A correction may show what was broken behind it."""

BY_HAND = {
    # A person has to say which port the VirtualService is to use.
    "B24 an older Gateway of another team has plain HTTP on the port",
    "a conflict, and Services may not be read",
    # The host that answers for a wildcard is in no object.
    "the wildcard ServiceEntry was deleted",
    "a wildcard host without resolution",
    "a wildcard host that is resolved on request",
    "a wildcard host with DNS and without endpoints, not validated",
    # With the bare domain in the Gateway, nothing routes its wildcard any more: a person has to say whether it is used.
    "B04 the wildcard of the Gateway does not cover the bare domain",
    # The mesh's settings decide, and namespace-not-discovered has their correction.
    "istiod does not discover the gateway's namespace",
    "istiod does not discover the namespace of the ServiceEntry",
    "B28 istiod does not discover the namespace of the VirtualService",
}


def broken() -> list[Case]:
    """The cases of these checks that fail."""
    return [
        case
        for check in CHECKS
        for case in cases_of(check)
        if any(finding["status"] == "fail" for finding in case.expected) and case.name not in BY_HAND
    ]


def diagnose(case: Case, cluster: Cluster) -> Report:
    wanted = question(cluster, case.raw.get("gateway", "team-egress/egw"), case.raw.get("host"), case.raw.get("from"))
    return diagnosed(cluster, wanted, CHECKS).finish(0.0)


def failures(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.status is Status.FAIL]


def corrected(case: Case) -> tuple[Cluster, list[str]] | None:
    """The cluster after the corrections, and the commands.

    None if the application decides which scheme it uses.
    """
    patch = {key: value for key, value in (case.raw.get("with") or {}).items() if key != "errors"}
    cluster = compose(named(case.cluster), patch)
    ran: list[str] = []
    for _ in range(ROUNDS):
        found = failures(diagnose(case, cluster))
        if not found:
            break
        first = min(found, key=lambda finding: (bool(finding.explained_by), finding.code))
        commands = [a.command for a in first.actions if a.effect is Effect.CHANGES and a.command]
        if first.check == "application-sends-tls":
            commands = commands[:1]
            if not commands:
                return None
        assert commands, f"nothing to run for {first.summary}"
        for command in commands:
            cluster = run(cluster, command)
        ran.extend(commands)
    return cluster, ran


def judged(case: Case, cluster: Cluster) -> Corrected:
    gateway = case.raw.get("gateway", GATEWAY)
    gateway = gateway if "/" in gateway else f"team-egress/{gateway}"
    return Corrected(f"{case.check.slug}: {case.name}", cluster, case.raw.get("host"), case.raw.get("from"), gateway)


def _judged(case: Case) -> Corrected | None:
    made = corrected(case)
    return judged(case, made[0]) if made is not None else None


def every_corrected() -> Iterator[Callable[[], Corrected | None]]:
    """All corrected clusters, for istiod's code."""
    for case in broken():
        yield partial(_judged, case)


@pytest.mark.parametrize("case", broken(), ids=lambda case: f"{case.check.slug}: {case.name}")
def test_the_corrections_make_the_route_whole(case: Case) -> None:
    made = corrected(case)
    if made is None:
        return
    cluster, ran = made
    left = [f"{finding.code} {finding.summary}" for finding in failures(diagnose(case, cluster))]
    assert not left, "\n".join([*ran, "still:", *left])
    confirm(judged(case, cluster))


def test_a_correction_changes_the_route_of_no_other_host() -> None:
    bank = {
        "change": [
            {
                "kind": "Gateway",
                "metadata": {"namespace": "team-egress", "name": "istio-egressgateway"},
                "spec": {
                    "servers": [
                        {
                            "hosts": ["edition.cnn.com", "api.bank.example"],
                            "port": {"name": "http", "number": 80, "protocol": "HTTP"},
                        }
                    ]
                },
            }
        ]
    }
    cluster = compose(named("base"), bank)
    case = next(case for case in broken() if case.check.slug == "service-entry-missing")
    found = failures(diagnose(case, cluster))
    assert {involved.name for finding in found for involved in finding.about} == {"api.bank.example"}
