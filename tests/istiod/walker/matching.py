"""Envoy's matchers of strings, headers, query parameters, paths and address ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qsl

from tests.istiod.walker.wire import Http

Json = dict[str, Any]


class NotModelledError(Exception):
    """A part of the configuration that the walker does not follow."""


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def string_matches(matcher: Mapping[str, Any], value: str) -> bool:
    """Whether a StringMatcher matches the value."""
    folded = bool(matcher.get("ignore_case"))
    fold = str.lower if folded else str
    for kind, test in (
        ("exact", str.__eq__),
        ("prefix", str.startswith),
        ("suffix", str.endswith),
        ("contains", str.__contains__),
    ):
        if kind in matcher:
            return bool(test(fold(value), fold(matcher[kind])))
    if "safe_regex" in matcher:
        return _regex(matcher["safe_regex"]["regex"]).fullmatch(value) is not None
    if not matcher or set(matcher) == {"ignore_case"}:
        return value == ""
    raise NotModelledError(f"string matcher {sorted(matcher)}")


def header_matches(matcher: Mapping[str, Any], request: Http) -> bool:
    """Whether a HeaderMatcher matches the request."""
    value = request.header(matcher["name"])
    inverted = bool(matcher.get("invert_match"))
    if "present_match" in matcher:
        return ((value is not None) == bool(matcher["present_match"])) != inverted
    rule = {
        key: found
        for key, found in matcher.items()
        if key not in ("name", "invert_match", "treat_missing_header_as_empty")
    }
    if value is None:
        if not matcher.get("treat_missing_header_as_empty"):
            return inverted if rule else False
        value = ""
    if not rule:
        return not inverted
    return _header_value(rule, value) != inverted


def _header_value(rule: Mapping[str, Any], value: str) -> bool:
    ((kind, wanted),) = rule.items()
    match kind:
        case "string_match":
            return string_matches(wanted, value)
        case "safe_regex_match":
            return _regex(wanted["regex"]).fullmatch(value) is not None
        case "exact_match" | "prefix_match" | "suffix_match" | "contains_match":
            return string_matches({kind.removesuffix("_match"): wanted}, value)
        case "range_match":
            number = re.fullmatch(r"[+-]?\d+", value)
            return number is not None and int(wanted.get("start", 0)) <= int(value) < int(wanted.get("end", 0))
        case _:
            raise NotModelledError(f"header matcher {kind}")


def query_matches(matcher: Mapping[str, Any], path: str) -> bool:
    """Whether a QueryParameterMatcher matches the path's query."""
    found = dict(reversed(parse_qsl(path.partition("?")[2], keep_blank_values=True)))
    value = found.get(matcher["name"])
    if "present_match" in matcher:
        return (value is not None) == bool(matcher["present_match"])
    if value is None:
        return False
    return string_matches(matcher["string_match"], value) if "string_match" in matcher else True


def path_matches(match: Mapping[str, Any], request: Http) -> bool:
    """Whether the path part of a RouteMatch holds: the query is not part of the path."""
    path = request.path.partition("?")[0].partition("#")[0]
    fold = str if match.get("case_sensitive", True) else str.lower
    if "prefix" in match:
        return fold(path).startswith(fold(match["prefix"]))
    if "path" in match:
        return fold(path) == fold(match["path"])
    if "safe_regex" in match:
        return _regex(match["safe_regex"]["regex"]).fullmatch(path) is not None
    if "path_separated_prefix" in match:
        prefix = fold(match["path_separated_prefix"])
        return fold(path) == prefix or fold(path).startswith(prefix + "/")
    if "path_match_policy" in match:
        raise NotModelledError("path_match_policy")
    return "connect_matcher" not in match


def range_holds(cidr: Mapping[str, Any], address: str) -> bool:
    """Whether a CidrRange holds the address."""
    try:
        network = ip_network(f"{cidr['address_prefix']}/{cidr.get('prefix_len', 0)}", strict=False)
        return ip_address(address) in network
    except ValueError:
        return False


def domain_of(domains: Mapping[str, Json], host: str) -> Json | None:
    """The virtual host for an authority.

    The exact domain comes first, then the longest suffix, the longest prefix, and `*`.
    """
    if host in domains:
        return domains[host]
    suffixes = [domain for domain in domains if domain.startswith("*") and len(domain) > 1]
    for domain in sorted(suffixes, key=len, reverse=True):
        if host.endswith(domain[1:]) and len(host) > len(domain) - 1:
            return domains[domain]
    prefixes = [domain for domain in domains if domain.endswith("*") and len(domain) > 1]
    for domain in sorted(prefixes, key=len, reverse=True):
        if host.startswith(domain[:-1]) and len(host) > len(domain) - 1:
            return domains[domain]
    return domains.get("*")
