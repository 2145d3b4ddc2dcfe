"""Whether the gateway's proxies write access logs: the Telemetry chain, then the mesh (domain.md 5.2.11).

Levels are the root namespace, the gateway's namespace (each its oldest Telemetry without selector) and the oldest that selects
the pods; an inner level's providers replace an outer one's, and entries without providers inherit them
(Istio's `pilot/pkg/model/telemetry.go`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import Telemetry
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.route.visibility import MeshConfig, age
from checks.model.raw_values import Raw, flag, items, text, texts

STDOUT = "envoy"
"""The predefined provider that writes to standard output, where `kubectl logs` finds it."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """The effective access log. `decided` is the object that decides and `field` its field; `mesh` says that the mesh's
    own setting was asked, `filter` holds a CEL expression that thins the log, `provider` one that is not stdout."""

    on: bool
    decided: str
    field: str
    observed: str
    mesh: bool = False
    filter: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Several Telemetries of one namespace with one reach: istiod takes the oldest (IST0159, IST0160)."""

    namespace: str
    telemetries: tuple[Telemetry, ...]
    selecting: bool


def access_log(facts: Facts, labels: Mapping[str, str], mesh: MeshConfig) -> AccessLog:
    """The access log of a gateway proxy with these labels. Reads Telemetry; raises Unreadable."""
    names: tuple[str, ...] = texts(mesh.raw, "defaultProviders", "accessLogging")
    states: dict[str, tuple[bool, str]] = {}
    last: Telemetry | None = None
    ignored: Telemetry | None = None
    for telemetry in _chain(facts, labels):
        relevant = [entry for entry in telemetry.access_logging if _concerns_gateways(entry)]
        explicit = tuple(name for entry in relevant for name in _providers(entry))
        names = explicit or names
        for entry in relevant:
            for name in _providers(entry) or names:
                states[name] = (flag(entry, "disabled") is not True, text(entry, "filter", "expression"))
        if relevant:
            last, ignored = (telemetry, ignored) if names else (last, telemetry)
    if not names:
        return _from_mesh(mesh, ignored)
    decided, field = (last.ref, "spec.accessLogging") if last else (_written(mesh), "defaultProviders.accessLogging")
    on = [name for name in names if states.get(name, (True, ""))[0]]
    if not on:
        return AccessLog(False, decided, field, f"disabled: true ({', '.join(names)})", mesh=last is None)
    chosen = STDOUT if STDOUT in on else on[0]
    expression = states.get(chosen, (True, ""))[1]
    provider = "" if chosen == STDOUT else chosen
    return AccessLog(True, decided, field, ", ".join(on), mesh=last is None, filter=expression, provider=provider)


def ambiguities(facts: Facts, labels: Iterable[Mapping[str, str]]) -> tuple[Ambiguity, ...]:
    """Telemetries that compete for the gateway's proxies. Reads Telemetry; raises Unreadable."""
    found: list[Ambiguity] = []
    for namespace in _namespaces(facts):
        all_of_it = sorted(facts.in_namespace(Telemetry, namespace), key=age)
        plain = tuple(t for t in all_of_it if not t.selector and not _targets(t))
        if len(plain) > 1 and any(t.access_logging for t in plain):
            found.append(Ambiguity(namespace, plain, False))
        if namespace == facts.gateway.namespace:
            chosen = tuple(t for t in all_of_it if t.selector and any(selects(t.selector, each) for each in labels))
            if len(chosen) > 1 and any(t.access_logging for t in chosen):
                found.append(Ambiguity(namespace, chosen, True))
    return tuple(found)


def _namespaces(facts: Facts) -> tuple[str, ...]:
    return tuple(dict.fromkeys((ROOT_NAMESPACE, facts.gateway.namespace)))


def _chain(facts: Facts, labels: Mapping[str, str]) -> tuple[Telemetry, ...]:
    found: list[Telemetry] = []
    for namespace in _namespaces(facts):
        plain = (
            t for t in sorted(facts.in_namespace(Telemetry, namespace), key=age) if not t.selector and not _targets(t)
        )
        found.extend(each for each in (next(plain, None),) if each is not None)
    own = sorted(facts.in_namespace(Telemetry, facts.gateway.namespace), key=age)
    found.extend([t for t in own if t.selector and selects(t.selector, labels)][:1])
    return tuple(found)


def _targets(telemetry: Telemetry) -> bool:
    """Whether it names waypoints or Gateway API gateways, which a classic gateway is not."""
    return bool(items(telemetry.raw, "spec", "targetRefs"))


def _concerns_gateways(entry: Raw) -> bool:
    # A gateway's listeners count as client side.
    return text(entry, "match", "mode").upper() != "SERVER"


def _providers(entry: Raw) -> tuple[str, ...]:
    return tuple(name for each in items(entry, "providers") if (name := text(each, "name")))


def _from_mesh(mesh: MeshConfig, ignored: Telemetry | None) -> AccessLog:
    written = mesh.access_log_file
    if ignored is not None and not written:
        # Without providers of its own or of the mesh an entry says nothing (IST0157).
        return AccessLog(False, ignored.ref, "spec.accessLogging", "no providers, and none in the mesh", mesh=True)
    return AccessLog(bool(written), _written(mesh), "accessLogFile", written or "(not set)", mesh=True)


def _written(mesh: MeshConfig) -> str:
    return ", ".join(mesh.written) if mesh.written else f"mesh configuration of {mesh.revision or 'the revision'}"
