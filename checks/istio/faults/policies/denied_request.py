"""An AuthorizationPolicy that denies a request at the gateway.

Source: docs/domain/istio.md#authorization.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import Apply
from checks.facts.fact import KubernetesObject
from checks.facts.istio_policies import AuthorizationPolicy
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop
from checks.istio.faults.policies.allowing_rules import allowing_rule, limits_requests
from checks.istio.faults.policies.policy_changes import excluding, has_no_effect_on_port, with_identities
from checks.istio.faults.policies.policy_rules import needs_identity, unmatched
from checks.istio.fixes.fields import name_for_host
from checks.istio.fixes.gateways import owners_of, pod_label
from checks.istio.request.authorization import DownstreamPeer, matches_rule
from checks.istio.request.client_request import as_written
from checks.istio.request.external_authorizers import named_providers
from checks.istio.request.matching import NotModelled
from checks.istio.request.outcome import Ending
from checks.istio.request.wire import Http
from checks.model.commands import ISTIO_EGW
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, mapping, text
from checks.model.route import HopName

_DENIED = (Ending.CONNECTION_DENIED, Ending.REQUEST_DENIED)
_MOST_REASONS = 3
_AUTHENTICATED = "request.auth."
"""The beginning of attributes of the token (JWT) of a request."""


def at_authorization(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The policy that denies the request, and why."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in _DENIED:
        return
    source, peer = broken.end.steps[-1].origin.source, _peer(hop)
    if not isinstance(source, AuthorizationPolicy) or peer is None:
        return
    proxy = hop.proxies[0]
    problem = proxy.authorizers.problem(source, proxy.policies) if source.action == "CUSTOM" else ""
    if problem:
        several = len(named_providers(proxy.policies)) > 1
        yield (SeveralAuthorizers if several else AuthorizerMissing)(hop, source, peer, problem)
    elif source.action == "DENY":
        yield DeniedByRule(hop, source, peer)
    else:
        allowing = tuple(each for each in proxy.policies if each.action == "ALLOW")
        needs_token = any(_allows_with_token(rule, peer) for each in allowing for rule in each.rules)
        yield (TokenNeeded if needs_token else NotAllowed)(hop, allowing, peer)


def _peer(hop: GatewayHop) -> DownstreamPeer | None:
    """The properties of the request that the policies of the gateway match."""
    client, cluster, host = hop.broken.client, hop.sent, hop.host
    endpoints = client.clusters.endpoints(cluster) if client is not None and cluster is not None else []
    if client is None or not endpoints:
        return None
    mutual = hop.tls is not None and hop.tls.mode == "ISTIO_MUTUAL" and any(not e.passthrough for e in hop.on_port)
    identity = client.proxy.identity(client.mesh.configuration) if mutual else ""
    reads_http = hop.broken.end.ending is Ending.REQUEST_DENIED
    layers = hop.broken.request.connection.layers
    request = next((each for each in layers if isinstance(each, Http)), None) if reads_http else None
    own_tls = hop.broken.request.scheme in ("https", "tls")
    server_name = hop.tls.sni if hop.tls is not None else host if own_tls else ""
    source = hop.broken.request.clients.pod.ip
    return DownstreamPeer(source, endpoints[0].address, endpoints[0].port, server_name, identity, request)


def _allows_with_token(rule: Raw, peer: DownstreamPeer) -> bool:
    """Whether a rule matches the request apart from its conditions about a token."""
    written = [mapping(each, "source") for each in items(rule, "from")]
    sources = [_without_token(each) for each in written]
    when = [each for each in items(rule, "when") if not text(each, "key").startswith(_AUTHENTICATED)]
    if sources == written and len(when) == len(items(rule, "when")):
        return False
    other = {key: value for key, value in rule.items() if key not in ("from", "when")}
    if all(sources):
        other["from"] = [{"source": each} for each in sources]
    other["when"] = when
    try:
        return matches_rule(other, peer, deny=False)
    except NotModelled:
        return False


def _without_token(source: Raw) -> Raw:
    return {name: value for name, value in source.items() if name not in ("requestPrincipals", "notRequestPrincipals")}


@dataclass(frozen=True, slots=True)
class _Denied(RouteFault):
    name: ClassVar[str] = "denied"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "authorization-denies"
    certain: ClassVar[bool] = True
    at: GatewayHop


@dataclass(frozen=True, slots=True)
class NotAllowed(_Denied):
    """A request that no rule of the ALLOW policies matches (docs/domain/istio.md#b27)."""

    policies: tuple[AuthorizationPolicy, ...]
    peer: DownstreamPeer

    def sentence(self) -> str:
        names, plural = ", ".join(each.ref for each in self.policies), "" if len(self.policies) > 1 else "s"
        gateway = self.at.broken.facts.gateway.ref
        if not any(each.rules for each in self.policies):
            return f"{names} allow{plural} no request at {gateway}"
        clients = self.at.broken.request.clients
        return f"{names} allow{plural} no request to {self.at.host} from {clients} at {gateway}"

    def evidence(self) -> tuple[Evidence, ...]:
        found = [
            Evidence(policy.ref, f"spec.rules[{index}]", "; ".join(reasons), "a rule that matches the request")
            for policy in self.policies
            for index, rule in enumerate(policy.rules)
            if (reasons := unmatched(rule, self.peer)[:_MOST_REASONS])
        ]
        without = [each for each in self.policies if not each.rules]
        found += [Evidence(each.ref, "spec.rules", "(none)", "a rule that matches the request") for each in without]
        return tuple(found[:10])

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if not self.peer.identity and any(needs_identity(rule) for each in self.policies for rule in each.rules):
            title = "Give clients an identity: mutual TLS (ISTIO_MUTUAL) from sidecars to the gateway"
            yield from (Fix(title, changes, ISTIO_EGW) for changes in with_identities(self.at))
            yield Fix(f"{title}, first on the servers that share its port", (), ISTIO_EGW)
            return
        gateway, request = broken.facts.gateway, broken.request
        limited = self.peer.request is not None and limits_requests(broken, self.policies)
        metadata = {"name": self._name(gateway.name), "namespace": gateway.namespace}
        existing = broken.facts.get(AuthorizationPolicy, metadata["name"], gateway.namespace)
        kept = [dict(each) for each in existing.rules] if existing is not None else []
        spec = {
            "selector": {"matchLabels": pod_label([each.proxy.labels for each in self.at.proxies])},
            "action": "ALLOW",
            "rules": [*kept, allowing_rule(broken, self.peer, limited=limited)],
        }
        kind = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
        what = f"{request.method} {request.url_with_path}" if limited else self.at.host
        whom = request.clients if self.peer.identity else "every client, as none has an identity without mutual TLS"
        change = Apply({**kind, "metadata": metadata, "spec": spec})
        yield Fix(f"Allow {what} at the gateway for {whom}", (change,), ISTIO_EGW)

    def _name(self, gateway: str) -> str:
        """The name of the policy that allows the host.

        Policies by authority and by SNI have different names: both can exist.
        """
        by = "" if self.peer.request is not None else "-sni" if self.peer.server_name else f"-{self.peer.port}"
        return f"{gateway}-allow-{name_for_host(as_written(self.at.host))}"[: 63 - len(by)].rstrip("-") + by

    def shown(self) -> tuple[KubernetesObject, ...]:
        return self.policies[:3]


class TokenNeeded(NotAllowed):
    """A request that the ALLOW policies match only with a token (JWT)."""

    __slots__ = ()
    conditional: ClassVar[bool] = True

    def sentence(self) -> str:
        names, plural = ", ".join(each.ref for each in self.policies), "" if len(self.policies) > 1 else "s"
        gateway = self.at.broken.facts.gateway.ref
        clients = self.at.broken.request.clients
        return f"{names} allow{plural} no request without a token (JWT) to {self.at.host} from {clients} at {gateway}"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Make clients send a token that a rule names, or allow requests without one")


@dataclass(frozen=True, slots=True)
class DeniedByRule(_Denied):
    """A request that a rule of a DENY policy matches."""

    policy: AuthorizationPolicy
    peer: DownstreamPeer

    def sentence(self) -> str:
        if any(not rule for rule in self.policy.rules):
            return f"{self.policy.ref} denies every request at the gateway"
        return f"{self.policy.ref} denies requests to {self.at.host} at {self.at.broken.facts.gateway.ref}"

    def evidence(self) -> tuple[Evidence, ...]:
        http = "" if self.peer.request is not None else " (on TCP, a DENY rule applies without its HTTP fields)"
        return tuple(
            Evidence(self.policy.ref, f"spec.rules[{index}]", f"matches the request{http if rule else ''}", "no match")
            for index, rule in enumerate(self.policy.rules)
            if self._matches(rule)
        )

    def _matches(self, rule: Any) -> bool:
        try:
            return matches_rule(rule, self.peer, deny=True)
        except NotModelled:
            return False

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        matching = [index for index, rule in enumerate(self.policy.rules) if self._matches(rule)]
        host, others = as_written(self.at.host), owners_of(self.policy, broken.facts.gateway.namespace)
        if has_no_effect_on_port(self.policy, matching, self.at, self.peer):
            change = excluding(self.policy, matching, self.at.host, self.peer, by_port=True)
            title = (
                f"Exclude port {self.peer.port} from {self.policy.ref}, on which its HTTP fields have no effect{others}"
            )
            yield Fix(title, (change,), ISTIO_EGW, rest="it also ends the denial of the other hosts of this port")
        change = excluding(self.policy, matching, self.at.host, self.peer)
        title = f"Exclude {host} from {self.policy.ref}, which still denies the rest{others}"
        yield Fix(title, (change,), ISTIO_EGW)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.policy,)


@dataclass(frozen=True, slots=True)
class AuthorizerMissing(DeniedByRule):
    """A request that a CUSTOM policy matches whose external authorizer istiod does not find."""

    name: ClassVar[str] = "authorizer-missing"
    expected: ClassVar[str] = "an extension provider of the mesh configuration with a service that exists"
    problem: str

    def sentence(self) -> str:
        return f"{self.policy.ref} has no usable external authorizer and denies requests to {self.at.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        provider = text(self.policy.raw, "spec", "provider", "name")
        return (Evidence(self.policy.ref, "spec.provider.name", f"{provider} ({self.problem})", self.expected),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Define the provider in the mesh configuration, or name one that is defined", (), ISTIO_EGW)


class SeveralAuthorizers(AuthorizerMissing):
    """A request that a CUSTOM policy matches although the policies name several authorizers."""

    __slots__ = ()
    expected: ClassVar[str] = "the same provider in every CUSTOM policy of the gateway"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix("Name one provider in all CUSTOM policies that apply to the gateway", (), ISTIO_EGW)
