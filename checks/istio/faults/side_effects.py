"""The effect of a fix on other requests.

A fix that makes the route of another host worse is not offered.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.istio.configured.request_variants import request_variants
from checks.istio.faults.definition.broken_request import BrokenRequest, destinations_of, rules_of
from checks.istio.fixes.affected import NO_EFFECT, changed_outcomes, effect_in_words
from checks.istio.request.client_request import ANY_NAME, ClientRequest
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, items, number, text, texts
from checks.model.requested_host import USUAL_PORTS

_MOST_HOSTS = 20


def makes_worse(original: BrokenRequest, after: Routing, changes: Iterable[ObjectChange]) -> bool:
    """Whether a request that goes through the gateway no longer does so as before.

    A request for the same host that another rule answers, or makes bypass the gateway, must stay as it is too. The
    requests are those of the same client for the hosts of the changed objects, and for every condition of the rules for
    these hosts. If an object has no hosts, they are those that are routed to the gateway.
    """
    changed = changed_outcomes(original.routing, after, _others(original, changes))
    return any(each.worse or each.intended(original.end) for each in changed)


def effect_on_others(original: BrokenRequest, before: Sequence[ObjectChange], fix: Sequence[ObjectChange]) -> str:
    """The effect of a fix on requests of the same client for other hosts.

    The changes before the fix are applied first. It is `none` if no outcome changes.
    """
    facts, requests = original.facts, _others(original, fix)
    try:
        without, with_fix = facts.with_changes(before), facts.with_changes((*before, *fix))
    except ChangeRefused:
        return NO_EFFECT
    others = (each for each in requests if each.host != original.request.host and each.path == "/")
    return effect_in_words(changed_outcomes(Routing(without), Routing(with_fix), others))


def _others(original: BrokenRequest, changes: Iterable[ObjectChange]) -> Iterator[ClientRequest]:
    hosts = dict.fromkeys(host for change in changes for host in _hosts(original, change))
    facts, request = original.facts, original.request
    for host in list(dict.fromkeys((request.host, *hosts)))[:_MOST_HOSTS]:
        name = host.replace("*", ANY_NAME, 1)
        ports = [request.port] if request.scheme in ("http", "grpc") and name == request.host else []
        plain = replace(request, scheme="http", host=name, path="/", method="GET", headers=())
        for port in dict.fromkeys((USUAL_PORTS["http"], *ports)):
            one = replace(plain, port=port)
            yield from (each for each in (one, *request_variants(facts, host, one)) if each != request)
        yield replace(plain, scheme="https", port=USUAL_PORTS["https"])
        tcp = (rule for each in original.every_virtual_service.rules_overlapping(host) for rule in each.tcp)
        numbers = dict.fromkeys(number(match, "port") for rule in tcp for match in rule.matches())
        others = (replace(plain, scheme="tcp", port=each) for each in numbers if each)
        yield from (each for each in others if each != request)


def _hosts(original: BrokenRequest, change: ObjectChange) -> Iterator[str]:
    """The hosts whose requests a change can affect."""
    raw: Raw = change.manifest if isinstance(change, Apply) else change.thing.raw
    written = [
        *texts(raw, "spec", "hosts"),
        *(host for each in items(raw, "spec", "servers") for host in texts(each, "hosts")),
    ]
    if text(raw, "spec", "host") not in ("", original.service):
        written.append(text(raw, "spec", "host"))
    yield from (each.rpartition("/")[2].lower() for each in written) if written else _routed(original)


def _routed(original: BrokenRequest) -> Iterator[str]:
    """The hosts that VirtualServices route to the gateway's Service."""
    for routes in original.every_virtual_service.all_rules():
        if any(
            rule.destination(each) == original.service for rule in rules_of(routes) for each in destinations_of(rule)
        ):
            yield from routes.hosts
