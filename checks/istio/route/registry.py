"""Istio's objects by the hosts and names that they speak of: indexes built once for the cluster.

Everything here is built from what could be read. A check that concludes from absence asks for the kind itself first
(`facts.all`), which is what makes an unreadable kind `unknown`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.route.hosts import canonical, covers, is_wildcard, resolve
from checks.istio.route.rules import Rule, delegated, gateway_refs, rules_of
from checks.istio.route.visibility import age

T = TypeVar("T")


class HostIndex(Generic[T]):
    """Things by host, in the order in which they were given (oldest first)."""

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        self._by_host: dict[str, list[T]] = defaultdict(list)
        for host, thing in pairs:
            self._by_host[host].append(thing)
        self._wildcards = tuple(host for host in self._by_host if is_wildcard(host))

    def exactly(self, host: str) -> tuple[T, ...]:
        """What is written for this very host."""
        return tuple(self._by_host.get(host, ()))

    def covering(self, host: str) -> tuple[tuple[str, T], ...]:
        """(host as written, thing) of all that this host falls under, the most specific host first."""
        written = [each for each in _ancestors(host) if each in self._by_host]
        return tuple((each, thing) for each in written for thing in self._by_host[each])

    def within(self, host: str) -> tuple[tuple[str, T], ...]:
        """(host as written, thing) of what a wildcard stands for, without itself."""
        if not is_wildcard(host):
            return ()
        return tuple(
            (each, thing)
            for each, things in self._by_host.items()
            if each != host and covers(host, each)
            for thing in things
        )


def _ancestors(host: str) -> Iterable[str]:
    """The host and the wildcards that cover it, the most specific first."""
    yield host
    rest = host.removeprefix("*.") if is_wildcard(host) else host
    while "." in rest:
        _, _, rest = rest.partition(".")
        yield f"*.{rest}"
    if host != "*":
        yield "*"


def service_entries(facts: Facts) -> HostIndex[ServiceEntry]:
    """ServiceEntries by host. Reads ServiceEntry."""
    return facts.once(
        "service entries by host",
        lambda window: HostIndex(
            (canonical(host), each) for each in sorted(window.readable(ServiceEntry), key=age) for host in each.hosts
        ),
    )


def destination_rules(facts: Facts) -> HostIndex[DestinationRule]:
    """DestinationRules by the host that they resolve to. Reads DestinationRule."""
    return facts.once(
        "destination rules by host",
        lambda window: HostIndex(
            (resolve(each.host, each.namespace), each) for each in sorted(window.readable(DestinationRule), key=age)
        ),
    )


def virtual_services(facts: Facts) -> HostIndex[VirtualService]:
    """VirtualServices by host. Reads VirtualService."""
    return facts.once(
        "virtual services by host",
        lambda window: HostIndex(
            (resolve(host, each.namespace), each)
            for each in sorted(window.readable(VirtualService), key=age)
            for host in each.hosts
        ),
    )


def _by(
    facts: Facts, name: str, key: Callable[[VirtualService], Iterable[str]]
) -> dict[str, tuple[VirtualService, ...]]:
    def build(window: Facts) -> dict[str, tuple[VirtualService, ...]]:
        found: dict[str, dict[int, VirtualService]] = defaultdict(dict)
        for each in sorted(window.readable(VirtualService), key=age):
            for value in key(each):
                found[value][id(each)] = each
        return {value: tuple(things.values()) for value, things in found.items()}

    return facts.once(name, build)


def bound_to(facts: Facts, gateway: str) -> tuple[VirtualService, ...]:
    """VirtualServices that name this Gateway (`namespace/name`, or `mesh`), oldest first. Reads VirtualService."""
    return _by(facts, "virtual services by gateway", gateway_refs).get(gateway, ())


def routing_to(facts: Facts, host: str) -> tuple[VirtualService, ...]:
    """VirtualServices with a destination that resolves to this host, oldest first. Reads VirtualService."""
    return _by(
        facts,
        "virtual services by destination",
        lambda each: (d.host for rule in rules(facts, each) for d in rule.destinations),
    ).get(host, ())


def rules(facts: Facts, route: VirtualService) -> tuple[Rule, ...]:
    """A VirtualService's rules, those of its delegates in their place, parsed once for the cluster. Reads
    VirtualService."""
    parsed: dict[int, tuple[Rule, ...]] = facts.once("virtual service rules", lambda _: {})
    if id(route) not in parsed:
        parsed[id(route)] = tuple(each for rule in rules_of(route) for each in _expanded(facts, rule))
    return parsed[id(route)]


def _expanded(facts: Facts, rule: Rule) -> Iterable[Rule]:
    """The rule, or the rules of the delegate that it names; a delegate does not delegate further."""
    if not rule.delegate:
        return (rule,)
    named = facts.once("virtual services by name", _by_name)
    child = named.get(rule.delegate)
    return tuple(delegated(rule, each) for each in rules_of(child) if each.kind == rule.kind) if child else ()


def _by_name(facts: Facts) -> dict[str, VirtualService]:
    return {f"{each.namespace}/{each.name}": each for each in facts.readable(VirtualService)}


def services(facts: Facts) -> dict[str, Service]:
    """Services by their name in the mesh. Reads Service."""
    return facts.once("services by host", lambda window: {each.host.lower(): each for each in window.readable(Service)})


def gateways_by_selector(facts: Facts) -> dict[tuple[str, str] | None, tuple[Gateway, ...]]:
    """Gateways by one label of their selector (None: no selector), so that those of a pod are found by its labels.
    Reads Gateway."""

    def build(window: Facts) -> dict[tuple[str, str] | None, tuple[Gateway, ...]]:
        found: dict[tuple[str, str] | None, list[Gateway]] = defaultdict(list)
        for each in sorted(window.readable(Gateway), key=age):
            found[min(each.selector.items(), default=None)].append(each)
        return {label: tuple(things) for label, things in found.items()}

    return facts.once("gateways by selector", build)


def gateway_named(facts: Facts, ref: str) -> Gateway | None:
    """The Gateway `namespace/name`. Reads Gateway."""
    return facts.once(
        "gateways by name", lambda window: {f"{g.namespace}/{g.name}": g for g in window.readable(Gateway)}
    ).get(ref)
