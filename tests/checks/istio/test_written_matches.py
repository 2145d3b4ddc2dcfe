"""Conditions of rules are written as people write them, never as data structures."""

from typing import Any

import pytest

from checks.istio.fixes.written_matches import written_match

MATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "uri": ({"uri": {"prefix": "/v1"}}, "path prefix /v1"),
    "several": (
        {"gateways": ["mesh"], "port": 80, "method": {"exact": "GET"}},
        "gateways mesh and port 80 and method exact GET",
    ),
    "headers": ({"headers": {"x-a": {"exact": "1"}, "x-b": {}}}, "header x-a exact 1 and header x-b present"),
    "query": ({"queryParams": {"v": {"regex": "1.*"}}}, "query parameter v regex 1.*"),
    "without": ({"withoutHeaders": {"x-a": {}}}, "without header x-a present"),
    "labels": ({"sourceLabels": {"app": "web"}}, "source label app web"),
    "names": ({"sniHosts": ["a.example", "b.example"]}, "SNI a.example, b.example"),
    "merged": ({"gateways": [], "uri": {"prefix": "/v1"}, "sourceNamespace": ""}, "path prefix /v1"),
    "merged and empty": ({"gateways": []}, "every request"),
    "nothing": ({}, "every request"),
}


@pytest.mark.parametrize("name", MATCHES)
def test_a_match_block_is_written_in_words(name: str) -> None:
    match, words = MATCHES[name]
    assert written_match(match) == words
    assert "{" not in words
