"""Every fault of a route names the check that reports it."""

import importlib
import pkgutil
from collections.abc import Iterator

from checks.catalogue import catalogue
from checks.istio import faults
from checks.istio.faults.definition.fault import ROUTE_CHECK, RouteFault


def kinds(base: type[RouteFault] = RouteFault) -> Iterator[type[RouteFault]]:
    for each in base.__subclasses__():
        yield each
        yield from kinds(each)


def test_the_check_of_every_fault_reports_it() -> None:
    for module in pkgutil.walk_packages(faults.__path__, prefix=f"{faults.__name__}."):
        importlib.import_module(module.name)
    owners = {each.check for each in kinds() if hasattr(each, "check") and each.__module__.startswith("checks.")}
    assert len(owners) > 10
    decided = {check.slug for check in catalogue() if check.decided_by_router}
    assert decided <= owners
    # These report the state of the gateway's pods and Service from their own facts, with any route.
    assert owners - decided == {"gateway-pods-not-running", "service-not-provisioned"}


def test_the_check_of_faults_without_a_check_of_their_own_reports_unexplained_routes() -> None:
    assert [check.slug for check in catalogue() if check.reports_unexplained_routes] == [ROUTE_CHECK]
