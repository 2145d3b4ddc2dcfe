"""The HTTP rules of a host with their conditions, at sidecars and at the gateway."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.view import Facts
from checks.istio.configured.request_conditions import conditions_of, has_expression, meeting, meets
from checks.istio.configured.routing_index import leads_to, routing_index
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule, RoutingRules
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import ConfigurationPart, RequestOutcome
from checks.model.raw_values import Raw


@dataclass(frozen=True, slots=True)
class ConditionalRule:
    """One match block of an HTTP rule."""

    routes: RoutingRules
    rule: RoutingRule
    block: Raw
    at_sidecars: bool

    @property
    def conditions(self) -> Raw:
        """Its conditions on the request; empty if every request meets them."""
        return conditions_of(self.block)

    def earlier(self) -> Iterator[Raw]:
        """The conditions of earlier rules, without those that every request meets."""
        for rule in self.routes.http[: self.routes.http.index(self.rule)]:
            for each in _blocks(self.routes, rule, at_sidecars=self.at_sidecars):
                if each.conditions:
                    yield each.conditions


def rules_to_gateway(facts: Facts, host: str) -> list[ConditionalRule]:
    """The rules by which sidecars send requests for a host to the gateway."""
    service = facts.gateway.service_host
    return [each for each in _rules(facts, host, at_sidecars=True) if leads_to(each.rule, service)]


def rules_at_gateways(facts: Facts, host: str) -> list[ConditionalRule]:
    """The rules of a host for Gateways."""
    return list(_rules(facts, host, at_sidecars=False))


def rule_without_example(facts: Facts, host: str, request: ClientRequest, found: RequestOutcome) -> str:
    """The rule with a regular expression that no known request meets; "" if there is none.

    It counts if it could have decided the outcome that was found for a request that does not meet it.
    """
    client = request.clients.pod
    decided = {each.proxy for end in found.ends for each in end.steps if each.part is ConfigurationPart.VIRTUAL_HOST}
    at_sidecar = f"{client.namespace}/{client.name}" in decided
    sides = [rules_to_gateway(facts, host)] if at_sidecar else []
    if len(decided) > at_sidecar:
        sides.append(rules_at_gateways(facts, host))
    missing = (each for side in sides for each in side if not _has_example(each, request))
    return next((f"{each.rule.field} of {each.rule.source.ref}" for each in missing), "")


def _has_example(rule: ConditionalRule, request: ClientRequest) -> bool:
    """Whether a request is known that meets a rule's regular expression.

    An earlier rule must not match it.
    """
    if not has_expression([rule.conditions]):
        return True
    earlier = list(rule.earlier())
    return any(not any(meets([one], each) for one in earlier) for each in meeting([rule.conditions], request))


def _rules(facts: Facts, host: str, *, at_sidecars: bool) -> Iterator[ConditionalRule]:
    for routes in routing_index(facts).about(host):
        for rule in routes.http:
            yield from _blocks(routes, rule, at_sidecars=at_sidecars)


def _blocks(routes: RoutingRules, rule: RoutingRule, *, at_sidecars: bool) -> Iterator[ConditionalRule]:
    """The match blocks of a rule that apply at sidecars, or at Gateways."""
    for block in rule.matches() or ({},):
        names = rule.gateways(block) or tuple(routes.gateways) or (MESH,)
        if MESH in names if at_sidecars else any(each != MESH for each in names):
            yield ConditionalRule(routes, rule, block, at_sidecars)
