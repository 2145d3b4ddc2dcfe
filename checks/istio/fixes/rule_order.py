"""A rule at its place among the rules of a VirtualService.

The first rule that matches decides, so that a rule in the wrong place changes other requests.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checks.facts.changes import JsonPatch
from checks.facts.istio_networking import VirtualService
from checks.istio.fixes.fields import appended, set_field
from checks.istio.fixes.rules import RuleKind, WrittenRule, rules_of_kind
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.model.raw_values import items, number

_ROUTING = ("match", "route", "name", "delegate", "redirect", "directResponse", "fault")
"""The fields that a rule for the same requests to another destination does not have."""


def with_last_rule(virtual_service: VirtualService, kind: RuleKind, rule: WrittenRule) -> JsonPatch:
    """The VirtualService with a rule after all others of its kind.

    It applies only to requests that none of them matches.
    """
    if rules_of_kind(virtual_service, kind):
        return appended(virtual_service, f"spec.{kind}", rule)
    return set_field(virtual_service, f"spec.{kind}", [rule])


def instead_of(deciding: RoutingRule, rule: WrittenRule) -> JsonPatch:
    """The VirtualService of a rule with another rule before it."""
    return set_field(deciding.source, deciding.field, rule)


def rules_for_same_requests(deciding: RoutingRule, rule: WrittenRule) -> Iterator[WrittenRule]:
    """The rule with the conditions of the one that decides.

    First with the changes of requests that the deciding one makes, then without them.
    Conditions that the rule has itself are kept: they restrict it to its host, port and Gateway.
    """
    own = dict(items(rule, "match")[0])
    matches = [{**each, **_own(own, each)} for each in deciding.matches() if _is_for(deciding, each, own)]
    narrowed = {**rule, "match": matches or [own]}
    kept = {key: value for key, value in deciding.raw.items() if key not in _ROUTING}
    yield {**narrowed, **kept}
    if kept:
        yield narrowed


def _is_for(deciding: RoutingRule, match: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether a condition of the rule that decides can match requests of the other rule."""
    named = deciding.gateways(match)
    return number(match, "port") in (None, own.get("port")) and (
        not named or bool({*named} & {*deciding.gateways(own)})
    )


def _own(own: Mapping[str, Any], match: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of the new rule; the authority only if the other one has none."""
    return {key: value for key, value in own.items() if key != "authority" or key not in match}


def is_of_kind(deciding: RoutingRule, kind: RuleKind) -> bool:
    """Whether a rule of a VirtualService is one of this kind."""
    return isinstance(deciding.source, VirtualService) and deciding.field.startswith(f"spec.{kind}[")
