"""A VirtualService taken apart: its rules, where each applies, and where each sends (domain.md 5.2.1, 5.2.2)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from checks.facts.istio_networking import VirtualService
from checks.istio.route.hosts import canonical, matches, resolve
from checks.model.raw_values import Raw, items, mapping, number, text, texts

RouteKind = Literal["http", "tls", "tcp"]
KINDS: tuple[RouteKind, ...] = ("http", "tls", "tcp")

MESH = "mesh"
"""The name that stands for all sidecars in `gateways`."""

_WHERE = frozenset({"gateways", "port", "sniHosts", "name"})
"""Fields of a match that say where and for which host it applies; all others pick some requests out of these."""


@dataclass(frozen=True, slots=True)
class Match:
    """One `match` entry. `gateways` is None where it names none: it then holds for all of the VirtualService's."""

    gateways: tuple[str, ...] | None
    port: int | None
    sni_hosts: tuple[str, ...]
    conditional: bool

    def holds(self, gateways: frozenset[str], port: int, host: str) -> bool:
        """Whether it can hold at one of these gateways for a request to this host and port."""
        if self.gateways is not None and not gateways.intersection(self.gateways):
            return False
        if self.port not in (None, port):
            return False
        return not self.sni_hosts or any(matches(sni, host) for sni in self.sni_hosts)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a rule sends. `host` is as istiod resolves it, `written` as it stands in the object."""

    host: str
    written: str
    port: int | None
    subset: str
    path: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `http`, `tls` or `tcp`."""

    route: VirtualService
    kind: RouteKind
    index: int
    matches: tuple[Match, ...]
    destinations: tuple[Destination, ...]
    answers: bool
    """Whether it answers by itself (redirect, directResponse) and sends nowhere."""
    delegate: str = ""
    """`namespace/name` of the VirtualService whose rules stand in its place."""

    @property
    def path(self) -> str:
        return f"spec.{self.kind}[{self.index}]"

    def holds(self, gateways: frozenset[str], port: int, host: str) -> bool:
        """Whether it can hold at one of these gateways (`mesh` or `namespace/name`) for this host and port."""
        return not self.matches or any(match.holds(gateways, port, host) for match in self.matches)

    def always(self, gateways: frozenset[str], port: int, host: str) -> bool:
        """Whether it takes every such request, so that no later rule is asked."""
        if not self.matches:
            return True
        return any(m.holds(gateways, port, host) and not m.conditional for m in self.matches)

    @property
    def ports(self) -> frozenset[int]:
        """The ports that its matches name."""
        return frozenset(m.port for m in self.matches if m.port is not None)


def gateway_ref(written: str, namespace: str) -> str:
    """`mesh`, or `namespace/name` of the Gateway that an entry of `gateways` in an object of this namespace means:
    `name`, `./name`, `namespace/name`, or the old `name.namespace.svc…` (Istio's resolveGatewayName)."""
    if written == MESH:
        return MESH
    owner, slash, name = written.partition("/")
    if slash:
        return f"{namespace if owner == '.' else owner}/{name}"
    if "." in written:
        parts = written.split(".")
        return f"{parts[1]}/{parts[0]}"
    return f"{namespace}/{written}"


def gateway_refs(route: VirtualService) -> tuple[str, ...]:
    """What its `gateways` mean, in order."""
    return tuple(gateway_ref(each, route.namespace) for each in route.gateways)


def rules_of(route: VirtualService) -> tuple[Rule, ...]:
    """Its rules: http, then tls, then tcp, each in order."""
    listed: tuple[tuple[RouteKind, tuple[Raw, ...]], ...] = (
        ("http", route.http),
        ("tls", route.tls),
        ("tcp", route.tcp),
    )
    return tuple(_rule(route, kind, index, raw) for kind, raws in listed for index, raw in enumerate(raws))


def _rule(route: VirtualService, kind: RouteKind, index: int, raw: Raw) -> Rule:
    return Rule(
        route=route,
        kind=kind,
        index=index,
        matches=tuple(_match(route, each) for each in items(raw, "match")),
        destinations=tuple(
            _destination(route, mapping(each, "destination"), f"spec.{kind}[{index}].route[{n}].destination")
            for n, each in enumerate(items(raw, "route"))
            if text(each, "weight") != "0"
        ),
        answers=bool(mapping(raw, "redirect") or mapping(raw, "directResponse")),
        delegate=_delegate(route, mapping(raw, "delegate")),
    )


def _delegate(route: VirtualService, raw: Raw) -> str:
    name = text(raw, "name")
    return f"{text(raw, 'namespace') or route.namespace}/{name}" if name else ""


def delegated(parent: Rule, child: Rule) -> Rule:
    """A rule of a delegate as it counts in its parent's place: where the parent holds, and by its own conditions."""
    if not parent.matches or not child.matches:
        return replace(child, matches=child.matches or parent.matches)
    both = [
        Match(
            above.gateways or own.gateways,
            above.port or own.port,
            own.sni_hosts or above.sni_hosts,
            above.conditional or own.conditional,
        )
        for above in parent.matches
        for own in child.matches
        if None in (above.port, own.port) or above.port == own.port
    ]
    return replace(child, matches=tuple(both)) if both else replace(child, matches=parent.matches[:1], destinations=())


def _match(route: VirtualService, raw: Raw) -> Match:
    gateways = texts(raw, "gateways")
    return Match(
        gateways=tuple(gateway_ref(each, route.namespace) for each in gateways) or None,
        port=number(raw, "port") or None,
        sni_hosts=tuple(canonical(each) for each in texts(raw, "sniHosts")),
        conditional=any(raw[key] not in (None, "", [], {}) for key in raw if key not in _WHERE),
    )


def _destination(route: VirtualService, raw: Raw, path: str) -> Destination:
    written = text(raw, "host")
    return Destination(
        host=resolve(written, route.namespace),
        written=written,
        port=number(raw, "port", "number"),
        subset=text(raw, "subset"),
        path=path,
    )


def taken(rules: Iterable[Rule], kind: RouteKind, gateways: frozenset[str], port: int, host: str) -> tuple[Rule, ...]:
    """The rules of this kind that a request to this host and port can take at these gateways: each that holds, in order,
    up to the first that takes every request."""
    found: list[Rule] = []
    for rule in rules:
        if rule.kind != kind or not rule.holds(gateways, port, host):
            continue
        found.append(rule)
        if rule.always(gateways, port, host):
            break
    return tuple(found)
