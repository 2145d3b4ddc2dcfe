"""Envoy's RBAC filters: whether a connection or a request is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.istiod.walker.matching import Json, NotModelledError, header_matches, range_holds, string_matches
from tests.istiod.walker.wire import Http


@dataclass(frozen=True, slots=True)
class Peer:
    """The properties that RBAC matches.

    They are those of the connection, and in an HTTP filter also those of the request.
    """

    address: str  # where the connection was directed
    port: int
    source: str
    server_name: str
    identity: str  # the verified SPIFFE identity; empty: none
    encrypted: bool
    request: Http | None


def allowed(rules: Json, peer: Peer) -> bool:
    """Whether the RBAC rules let the peer pass."""
    action = rules.get("action", "ALLOW")
    matched = any(_policy(policy, peer) for policy in rules.get("policies", {}).values())
    return not matched if action == "DENY" else matched or action == "LOG"


def matching(rules: Json, peer: Peer) -> list[str]:
    """The policies of the RBAC rules that match the peer."""
    return [name for name, policy in rules.get("policies", {}).items() if _policy(policy, peer)]


def _policy(policy: Mapping[str, Any], peer: Peer) -> bool:
    if policy.get("condition") or policy.get("checked_condition"):
        raise NotModelledError("RBAC condition")
    return any(_permission(each, peer) for each in policy.get("permissions", ())) and any(
        _principal(each, peer) for each in policy.get("principals", ())
    )


def _permission(rule: Json, peer: Peer) -> bool:
    ((kind, wanted),) = rule.items()
    match kind:
        case "any":
            return True
        case "and_rules":
            return all(_permission(each, peer) for each in wanted["rules"])
        case "or_rules":
            return any(_permission(each, peer) for each in wanted["rules"])
        case "not_rule":
            return not _permission(wanted, peer)
        case "destination_ip":
            return range_holds(wanted, peer.address)
        case "destination_port" | "destination_port_range":
            return _port(wanted, peer.port)
        case "requested_server_name":
            return string_matches(wanted, peer.server_name)
        case _:
            return _of_request(kind, wanted, peer)


def _port(wanted: Any, port: int) -> bool:
    if isinstance(wanted, dict):
        return int(wanted.get("start", 0)) <= port < int(wanted.get("end", 0))
    return int(wanted) == port


def _principal(rule: Json, peer: Peer) -> bool:
    ((kind, wanted),) = rule.items()
    match kind:
        case "any":
            return True
        case "and_ids":
            return all(_principal(each, peer) for each in wanted["ids"])
        case "or_ids":
            return any(_principal(each, peer) for each in wanted["ids"])
        case "not_id":
            return not _principal(wanted, peer)
        case "authenticated":
            return _authenticated(wanted, peer)
        case "filter_state":
            return _filter_state(wanted, peer)
        case "source_ip" | "direct_remote_ip" | "remote_ip":
            return range_holds(wanted, peer.source)
        case _:
            return _of_request(kind, wanted, peer)


def _authenticated(wanted: Json, peer: Peer) -> bool:
    if "principal_name" not in wanted:
        return peer.encrypted
    return bool(peer.identity) and string_matches(wanted["principal_name"], peer.identity)


def _filter_state(wanted: Json, peer: Peer) -> bool:
    if wanted["key"] != "io.istio.peer_principal":
        raise NotModelledError(f"RBAC filter state {wanted['key']}")
    return bool(peer.identity) and string_matches(wanted["string_match"], peer.identity)


def _of_request(kind: str, wanted: Any, peer: Peer) -> bool:
    match kind:
        case "header":
            return peer.request is not None and header_matches(wanted, peer.request)
        case "url_path":
            path = peer.request.path.partition("?")[0].partition("#")[0] if peer.request else ""
            return peer.request is not None and string_matches(wanted["path"], path)
        case "uri_template":
            raise NotModelledError("RBAC URI template")
        case "metadata" | "sourced_metadata":
            return _metadata(wanted.get("metadata_matcher", wanted))
        case _:
            raise NotModelledError(f"RBAC rule {kind}")


def _metadata(matcher: Json) -> bool:
    """Whether a metadata matcher matches; only an inverted one does.

    Requests here have no token, so no filter has set metadata about them.
    """
    return bool(matcher.get("invert"))
