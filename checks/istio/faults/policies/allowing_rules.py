"""The rule of an AuthorizationPolicy that allows a request, and no more than the request."""

from collections.abc import Sequence
from typing import Any

from checks.facts.istio_policies import AuthorizationPolicy
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.policies.policy_changes import authorities
from checks.istio.faults.policies.policy_rules import names_requests
from checks.istio.request.authorization import DownstreamPeer
from checks.istio.request.client_request import as_written


def limits_requests(broken: BrokenRequest, policies: Sequence[AuthorizationPolicy]) -> bool:
    """Whether the policies or the question name single requests; others stay denied."""
    rules = [rule for each in policies for rule in each.rules]
    return broken.request.path != "/" or any(names_requests(each) for each in rules)


def allowing_rule(broken: BrokenRequest, peer: DownstreamPeer, *, limited: bool) -> dict[str, Any]:
    """A rule for the host from the request's clients; `limited`: only for its method and path."""
    return {**_clients(broken, peer), **_requests(broken, peer, limited=limited)}


def _clients(broken: BrokenRequest, peer: DownstreamPeer) -> dict[str, Any]:
    """The clients of a rule by identity or namespace; empty without mutual TLS."""
    if not peer.identity:
        return {}
    if "/" in (broken.facts.question.client or ""):
        return {"from": [{"source": {"principals": [peer.identity.removeprefix("spiffe://")]}}]}
    return {"from": [{"source": {"namespaces": list(broken.client_namespaces)}}]}


def _requests(broken: BrokenRequest, peer: DownstreamPeer, *, limited: bool) -> dict[str, Any]:
    """The requests of a rule: by authority, by SNI, or for plain TCP by port."""
    host, request = broken.request.host, broken.request
    if peer.request is not None:
        operation = {"hosts": authorities(as_written(host))}
        single = {"methods": [request.method], "paths": [request.path.partition("?")[0]]}
        return {"to": [{"operation": {**operation, **single} if limited else operation}]}
    if peer.server_name:
        return {"when": [{"key": "connection.sni", "values": [as_written(peer.server_name)]}]}
    return {"to": [{"operation": {"ports": [str(peer.port)]}}]}
