"""Host names compare as Istio's `host.Name` does; its own test cases where they are public."""

import pytest

from checks.istio.route.hosts import (
    ServerHost,
    canonical,
    covers,
    is_address,
    is_valid,
    looks_like_service,
    matches,
    most_specific,
    narrower_of,
    resolve,
    served,
    server_host,
)


# pkg/config/host/name_test.go TestNameMatches
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("foo.com", "foo.com", True),
        ("foo.com", "bar.com", False),
        ("*", "foo.com", True),
        ("*", "*", True),
        ("*", "*.com", True),
        ("*.com", "foo.com", True),
        ("*.com", "*.foo.com", True),
        ("*.foo.com", "foo.com", False),
        ("*.foo.com", "bar.foo.com", True),
        ("*.foo.com", "*.bar.com", False),
        ("*.foo.com", "*.a.foo.com", True),
        ("*.foo.com", "barfoo.com", False),
    ],
)
def test_wildcards_match_in_both_directions(one: str, other: str, expected: bool) -> None:
    assert matches(one, other) is expected
    assert matches(other, one) is expected


# pkg/config/host/name_test.go TestNameSubsetOf
@pytest.mark.parametrize(
    ("wider", "narrower", "expected"),
    [
        ("*", "foo.com", True),
        ("*.com", "foo.com", True),
        ("foo.com", "*.com", False),
        ("*.com", "*.foo.com", True),
        ("*.foo.com", "*.com", False),
        ("*.foo.com", "foo.com", False),
        ("foo.com", "foo.com", True),
        ("*.foo.com", "*.foo.com", True),
    ],
)
def test_covering_has_one_direction(wider: str, narrower: str, expected: bool) -> None:
    assert covers(wider, narrower) is expected


def test_the_overlap_is_the_narrower_host() -> None:
    assert narrower_of("*.example.com", "api.example.com") == "api.example.com"
    assert narrower_of("api.example.com", "*") == "api.example.com"
    assert narrower_of("*.example.com", "example.com") is None


def test_a_name_without_a_dot_is_a_service_beside_the_object_and_one_with_a_dot_is_literal() -> None:
    assert resolve("egw", "team-egress") == "egw.team-egress.svc.cluster.local"
    assert resolve("egw.team-egress", "team-egress") == "egw.team-egress"
    assert resolve("egw.team-egress.svc", "team-egress") == "egw.team-egress.svc"
    assert resolve("Edition.CNN.com.", "team-egress") == "edition.cnn.com"
    assert resolve("*", "team-egress") == "*"


def test_forms_in_which_people_name_a_service_by_mistake() -> None:
    for written in (
        "egw.team-egress",
        "egw.team-egress.svc",
        "egw.team-egress.svc.cluster",
        "egw.other.svc.cluster.local",
    ):
        assert looks_like_service(written, "egw", "team-egress"), written
    for written in ("egw.team-egress.svc.cluster.local", "edition.cnn.com", "egw.example.com", "egw2.team-egress"):
        assert not looks_like_service(written, "egw", "team-egress"), written


def test_prefixes_of_gateway_hosts_say_which_namespaces_may_bind() -> None:
    assert server_host("api.example.com", "infra") == ServerHost("*", "api.example.com")
    assert server_host("./api.example.com", "infra") == ServerHost("infra", "api.example.com")
    assert server_host("*/API.example.com.", "infra") == ServerHost("*", "api.example.com")
    assert server_host("team-a/*.example.com", "infra") == ServerHost("team-a", "*.example.com")


def test_a_server_uses_a_virtual_service_for_the_hosts_that_both_have() -> None:
    servers = [server_host("team-a/*.example.com", "infra"), server_host("api.bank.example", "infra")]
    assert served(servers, ["www.example.com", "api.bank.example"], "team-a") == ("www.example.com", "api.bank.example")
    assert served(servers, ["www.example.com", "api.bank.example"], "team-b") == ("api.bank.example",)
    assert served(servers, ["example.com"], "team-a") == ()


def test_the_most_specific_host_wins() -> None:
    written = ["*", "*.com", "*.example.com", "api.example.com"]
    assert most_specific(written, "api.example.com") == "api.example.com"
    assert most_specific(written, "www.example.com") == "*.example.com"
    assert most_specific(written, "example.com") == "*.com"
    assert most_specific(["a.b"], "c.d") is None


def test_addresses_and_invalid_names_are_told_from_hosts() -> None:
    assert is_address("10.0.0.1")
    assert is_address("2001:db8::1")
    assert not is_address("example.com")
    assert is_valid("*.example.com")
    assert is_valid("xn--bcher-kva.example")
    for wrong in ("", "https://example.com", "example.com:443", "*example.com", "a..b", "-a.example", "a b.example"):
        assert not is_valid(canonical(wrong)), wrong
