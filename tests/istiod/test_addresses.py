"""A request for an address of a ServiceEntry may arrive at the destinations of its hosts."""

from random import Random

import pytest

from tests.clusters.compose import Cluster, compose
from tests.istiod.declared import declared
from tests.istiod.meshes.canonical import canonical
from tests.istiod.meshes.draft import API, healthy
from tests.istiod.question import Question
from tests.istiod.router import RoutedProduct

GATEWAY, ADDRESS, OTHER = "team-egress/egw", "203.0.113.9", "198.51.100.4"


def with_addresses(*addresses: str) -> Cluster:
    """A TCP port over the gateway, of a ServiceEntry with these addresses."""
    draft = canonical("tcp", Random(1))
    draft.found("ServiceEntry")[0]["spec"].update(addresses=list(addresses))
    return compose(healthy(), draft.patch())


@pytest.mark.parametrize("addresses", [(ADDRESS,), (OTHER, ADDRESS)])
def test_connections_to_an_address_of_the_service_entry_go_through_the_gateway(addresses: tuple[str, ...]) -> None:
    question = Question(GATEWAY, ADDRESS, "tcp", "team-a/web", 5432)
    assert RoutedProduct(with_addresses(*addresses), GATEWAY).resolve(question).outcome == "through"


@pytest.mark.parametrize(("address", "expected"), [(ADDRESS, True), (OTHER, False), (API, True)])
@pytest.mark.parametrize("written", [ADDRESS, "203.0.113.0/24"])
def test_the_destinations_of_an_address_are_those_of_the_hosts_of_its_service_entry(
    written: str, address: str, expected: bool
) -> None:
    assert (API in declared(with_addresses(written).objects, address)) is expected
