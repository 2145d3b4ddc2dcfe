"""The effect of a fix on other requests.

A fix that makes the route of another host worse is not offered.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.istio.faults.definition.broken_request import BrokenRequest, destinations_of, rules_of
from checks.istio.fixes.affected import NO_EFFECT, changed_outcomes, effect_in_words, resolved
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, items, text, texts
from checks.model.requested_host import USUAL_PORTS

_MOST_HOSTS = 20
_SCHEMES = ("http", "https")


def makes_worse(original: BrokenRequest, after: Routing, changes: Iterable[ObjectChange]) -> bool:
    """Whether a request that goes through the gateway no longer does.

    The requests are those of the same client for the hosts of the changed objects. If an object has no hosts, they are
    those that are routed to the gateway.
    """
    routed = (
        each
        for each in _others(original, changes)
        if resolved(original.routing, each).result is Result.THROUGH  # resolving is slow: others cannot become worse
    )
    return any(each.worse for each in changed_outcomes(original.routing, after, routed))


def effect_on_others(original: BrokenRequest, before: Sequence[ObjectChange], fix: Sequence[ObjectChange]) -> str:
    """The effect of a fix on requests of the same client for other hosts.

    The changes before the fix are applied first. It is `none` if no outcome changes.
    """
    facts, requests = original.facts, _others(original, fix)
    try:
        without, with_fix = facts.with_changes(before), facts.with_changes((*before, *fix))
    except ChangeRefused:
        return NO_EFFECT
    others = (each for each in requests if each.host != original.request.host)
    return effect_in_words(changed_outcomes(Routing(without), Routing(with_fix), others))


def _others(original: BrokenRequest, changes: Iterable[ObjectChange]) -> Iterator[ClientRequest]:
    hosts = dict.fromkeys(host for change in changes for host in _hosts(original, change))
    for host in list(dict.fromkeys((original.request.host, *hosts)))[:_MOST_HOSTS]:
        for scheme in _SCHEMES:
            name = host.replace("*", "any-name", 1)
            yield replace(original.request, scheme=scheme, port=USUAL_PORTS[scheme], host=name, path="/", headers=())


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
