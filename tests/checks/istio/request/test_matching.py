"""Paths of the Gateway API, whose prefixes end at a slash."""

import pytest

from checks.istio.request.matching import route_matches
from checks.istio.request.wire import Http, request_layers


@pytest.mark.parametrize(("path", "matches"), [("/v1", True), ("/v1/users", True), ("/v12", False), ("/", False)])
def test_a_prefix_of_the_gateway_api_ends_at_a_slash(path: str, matches: bool) -> None:
    request = request_layers("http", "shop.example", 80, "GET", path, {})[0]
    assert isinstance(request, Http)
    assert route_matches({"uri": {"pathSeparatedPrefix": "/v1"}}, request) is matches
