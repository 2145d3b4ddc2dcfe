"""What a correction changes for other hosts than the one that it is for, in words."""

from collections.abc import Iterable

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectWrite, corrected_manifest
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.hosts import canonical, covers, resolve
from checks.istio.route.registry import rules
from checks.model.raw_values import items, text, texts

NOTHING = "none"


def elsewhere_of(facts: Facts, found: Configuration, change: ObjectWrite, host: str) -> str:
    """What the change does to requests for other hosts; `nothing` where it is about this host alone."""
    if isinstance(change, Apply):
        return _new(found, change, host)
    match change.thing:
        case VirtualService() | ServiceEntry() as listing:
            return _also(each for each in listing.hosts if resolve(each, listing.namespace) != host)
        case Gateway() as gateway:
            return _gateway(change, gateway, host)
        case DestinationRule() as rule:
            return _rule(facts, found, change, rule, host)
        case Sidecar() as sidecar:
            return f"none; sidecars of {sidecar.namespace} only import more"
        case Namespace() as namespace:
            return f"every request of new pods in {namespace.name} goes through a sidecar"
        case other:
            return (
                "every request in the mesh"
                if isinstance(other, ConfigMap)
                else f"everything else that {other.ref} applies to"
            )


def _also(names: Iterable[str]) -> str:
    others = list(dict.fromkeys(names))
    if not others:
        return NOTHING
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return f"the same for {', '.join(others[:5])}{more}, to which the object also applies"


def _new(found: Configuration, change: Apply, host: str) -> str:
    kind, manifest = text(change.manifest, "kind"), change.manifest
    if kind == "DestinationRule" and resolve(text(manifest, "spec", "host"), "") == found.service:
        subsets = items(manifest, "spec", "subsets")
        return NOTHING if subsets else "the same for every host that is routed to the gateway without a subset"
    if kind == "AuthorizationPolicy":
        return "none; requests that other policies allow stay allowed"
    listed = texts(manifest, "spec", "hosts") or texts(manifest, "spec", "host")
    if kind == "Gateway":
        listed = tuple(each for server in items(manifest, "spec", "servers") for each in texts(server, "hosts"))
    return _also(each for each in listed if canonical(each) != host)


def _gateway(change: MergePatch | JsonPatch, gateway: Gateway, host: str) -> str:
    """Hosts of the servers that differ afterwards in more than hosts that were added; all where the selector does."""
    after = Gateway(corrected_manifest(change))
    if after.selector != gateway.selector:
        return _also(each for server in gateway.servers for each in server.hosts if canonical(each) != host)
    touched: list[str] = []
    for index, server in enumerate(gateway.servers):
        now = after.servers[index] if index < len(after.servers) else None
        if now is None or {**now.raw, "hosts": ()} != {**server.raw, "hosts": ()}:
            touched.extend(each for each in server.hosts if canonical(each) != host)
    return _also(touched)


def _rule(facts: Facts, found: Configuration, change: MergePatch | JsonPatch, rule: DestinationRule, host: str) -> str:
    about = resolve(rule.host, rule.namespace)
    if about != found.service:
        others = [each for each in found.hosts if each != host and covers(about, each)]
        return NOTHING if about == host else _also(others)
    after = DestinationRule(corrected_manifest(change))
    before = {text(each, "name"): each for each in rule.subsets}
    now = {text(each, "name"): each for each in after.subsets}
    touched = {name for name in before if before[name] != now.get(name)}
    whole = after.traffic_policy != rule.traffic_policy or after.export_to != rule.export_to
    users = [
        written
        for route in found.routes
        for each in rules(facts, route)
        for destination in each.destinations
        if destination.host == found.service and (whole or destination.subset in touched)
        for written in route.hosts
        if resolve(written, route.namespace) != host
    ]
    return _also(users)
