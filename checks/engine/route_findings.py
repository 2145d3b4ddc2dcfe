"""Checks that the router decides: they report the faults of routes that name them."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from checks.engine.check import Check
from checks.facts.view import Facts
from checks.istio.faults.reporting import DecidesAlone, with_route_faults
from checks.model.findings import Observation


def decided_by_router(check: Check) -> Check:
    """The check, which reports the router's faults that name it, and its own findings.

    Its function finds only settings that no route shows.
    """
    return _decided(check, None)


def decided_by_router_or_alone(alone: DecidesAlone) -> Callable[[Check], Check]:
    """As `decided_by_router`, but some failed reads leave the check's own result as it is.

    `alone` decides from the facts whether no fault of a route can name the check, whatever the failed read hides
    (docs/rulings.md#ruling-28).
    """
    return lambda check: _decided(check, alone)


def _decided(check: Check, alone: DecidesAlone | None) -> Check:
    def run(facts: Facts) -> Iterator[Observation]:
        return with_route_faults(
            facts,
            check.slug,
            check.run,
            reports_unexplained_routes=check.reports_unexplained_routes,
            alone=alone,
        )

    return replace(check, run=run, decided_by_router=True)
