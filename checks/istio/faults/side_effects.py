"""The effect of a fix on other requests: one that makes the route of another host worse is not offered."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from checks.facts.changes import Apply, ObjectChange
from checks.facts.fact import Unreadable
from checks.istio.faults.broken_request import BrokenRequest, destinations_of, rules_of
from checks.istio.request.asked import AskedRequest
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, items, text, texts
from checks.model.requested_host import USUAL_PORTS

_MOST_HOSTS = 20
_SCHEMES = ("http", "https")


def makes_worse(original: BrokenRequest, after: Routing, changes: Iterable[ObjectChange]) -> bool:
    """Whether a request that goes through the gateway no longer does: of the same client, for the hosts of the changed
    objects (of objects without hosts, for those that are routed to the gateway)."""
    return any(_through(original.routing, each) and not _through(after, each) for each in _others(original, changes))


def _through(routing: Routing, request: AskedRequest) -> bool:
    try:
        return routing.outcome(request).result is Result.THROUGH
    except Unreadable:
        return False


def _others(original: BrokenRequest, changes: Iterable[ObjectChange]) -> Iterator[AskedRequest]:
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
    for routes in original.mesh.virtual_services.all_rules():
        if any(
            rule.destination(each) == original.service for rule in rules_of(routes) for each in destinations_of(rule)
        ):
            yield from routes.hosts
