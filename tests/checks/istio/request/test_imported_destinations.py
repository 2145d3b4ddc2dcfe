"""Destinations of a rule that a Sidecar imports, although they are in another namespace.

Source: Istio `SidecarScope` and `serviceForDestination` in `pilot/pkg/model/sidecar.go`.
"""

from typing import Any

from tests.checks.istio.request.sent import SHOP, arrives, entry, made, routed
from tests.checks.istio.request.test_services_of_a_host import service

API = "api.team-b.svc.cluster.local"
ONLY_OWN = made("Sidecar", "own", {"egress": [{"hosts": ["./*"]}]})
NO_ENDPOINT = f"no endpoint of outbound|80||{API}"


def outcome(destination: str, *others: dict[str, Any]) -> str:
    return arrives(entry(SHOP), ONLY_OWN, routed("rule", SHOP, destination), *others)


def test_a_service_is_meant_before_an_older_serviceentry_of_its_namespace() -> None:
    assert outcome(API, entry(API, "team-b", "20d", at="old.example"), service("api", "team-b")) == NO_ENDPOINT


def test_a_service_is_meant_before_an_older_serviceentry_of_another_namespace() -> None:
    assert outcome(API, entry(API, "team-egress", "20d", at="old.example"), service("api", "team-b")) == NO_ENDPOINT


def test_a_destination_that_is_not_exported_to_the_client_has_no_cluster() -> None:
    assert outcome("pay.example", entry("pay.example", "team-b")) == "pay.example:80"
    private = entry("pay.example", "team-b", exportTo=["."])
    assert outcome("pay.example", private) == "no cluster outbound|80||pay.example"


def test_a_destination_without_a_port_is_imported_with_all_of_its_ports() -> None:
    rule = routed("rule", SHOP, "", http=[{"route": [{"destination": {"host": "pay.example"}}]}])
    assert arrives(entry(SHOP), ONLY_OWN, rule, entry("pay.example", "team-b")) == "pay.example:80"
