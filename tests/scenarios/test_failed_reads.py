"""A failed read of a check hides no fault in any of its cases, and adds none.

The incidents contain the faults of 131 outages (tests/incidents/test_unreadable.py); the cases contain each fault that a
check can find. `make test` fails one read of each case; `make matrix` fails each of them. The replies are those that a check
can distinguish: a refusal, 404, and no answer.
"""

from collections.abc import Iterable, Iterator

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.diagnosis import TARGET_READS, Diagnosis
from checks.model.findings import Report
from checks.model.question import Question
from tests.clusters.compose import Cluster
from tests.incidents.unreadable import READS, false_results, without
from tests.recordings import diagnosed
from tests.scenarios.cases import Case, cases_of

REPLIES = ("403", "404", "hangs")
EXCEPTIONS = {
    # The route fails anyway: without the read no fix can be proved, and another check names the fault.
    ("HTTPS without a tls block", "authorizationpolicies.security.istio.io"),
    # Azure has no such cluster, and without an answer of the API server nothing contradicts it.
    ("Azure has no cluster of the configured name, and the API server answers", "namespaces"),
    ("Azure has no cluster of the configured name, and the API server answers 403", "namespaces"),
    # The permission is optional: without it the check does not apply.
    *(
        (case, resource, "403")
        for case, resource in (
            (
                "a node image upgrade removed the egress address of both nodes",
                "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces",
            ),
            (
                "one of two nodes has lost its egress address, and the operator is old",
                "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces",
            ),
            ("a node of a VirtualMachines pool has lost its address", "Microsoft.Network/networkInterfaces"),
        )
    ),
    # The permission is optional; the prefix is in use, and the pass states that the right is not checked.
    (
        "the cluster's identity has no role on the prefix, which is attached already",
        "Microsoft.Authorization/roleAssignments",
    ),
}
"""Cases in which the result without the read is intended."""
OF_TARGET = {kind.origin.resource for kind in TARGET_READS}
"""The reads that identify the gateway."""


def reads(case: Case, run: Diagnosis) -> list[str]:
    """The reads of the check in the case, and those that identify the gateway."""
    return sorted(OF_TARGET | {kind.origin.resource for kind in run.reads_of(case.check.slug)})


def wrong(case: Case, replies: Iterable[str], *, only: int | None = None) -> Iterator[str]:
    """The false results in a case; `only` chooses one of its reads."""
    cluster, wanted = case.asked
    run = diagnosed(cluster, wanted, [case.check])
    before, every = run.finish(0.0), reads(case, run)
    for resource in every if only is None else [every[only % len(every)]]:
        for reply in replies:
            if {(case.name, resource), (case.name, resource, reply)} & EXCEPTIONS:
                continue
            after = _again(case, cluster, wanted, resource, reply)
            if after is None:
                continue
            yield from (
                f"{case.name}, {resource} {reply}: {each}" for each in false_results(before, after, resource, reply)
            )


def _again(case: Case, cluster: Cluster, wanted: Question, resource: str, reply: str) -> Report | None:
    """The report; None if the run has none.

    A cluster without the gateway answers that alone (docs/rulings.md#ruling-37).
    """
    run = diagnosed(without(cluster, READS[resource], reply), wanted, [case.check])
    return None if run.missing_gateway() is not None else run.finish(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.slug)
def test_a_failed_read_of_a_case_hides_no_fault_and_adds_none(check: Check) -> None:
    cases = enumerate(cases_of(check))
    assert not [each for number, case in cases for each in wrong(case, [REPLIES[number % 3]], only=number)]


@pytest.mark.matrix
@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.slug)
def test_every_read_of_every_case_may_fail(check: Check, reply: str) -> None:
    assert not [each for case in cases_of(check) for each in wrong(case, [reply])]
