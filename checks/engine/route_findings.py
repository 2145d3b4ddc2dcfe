"""Checks that the router decides: they report the faults of routes that name them."""

from collections.abc import Iterator
from dataclasses import replace

from checks.engine.check import Check
from checks.facts.view import Facts
from checks.istio.faults.reporting import with_route_faults
from checks.model.findings import Observation


def decided_by_router(check: Check) -> Check:
    """The check, which reports the router's faults that name it, and its own findings.

    Its function finds only settings that no route shows.
    """

    def run(facts: Facts) -> Iterator[Observation]:
        return with_route_faults(
            facts, check.slug, check.run, reports_unexplained_routes=check.reports_unexplained_routes
        )

    return replace(check, run=run, decided_by_router=True)
