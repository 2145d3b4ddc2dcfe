"""Whether the gateway's proxies write access logs: by Telemetry objects, else by the mesh.

The levels are the root namespace and the gateway's namespace, each with its oldest Telemetry without a selector, and then
the oldest that selects the pods. The providers of an inner level replace those of an outer one; entries without providers
inherit them. Source: docs/domain/istio.md#access-logging; Istio `pilot/pkg/model/telemetry.go`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import Telemetry
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.mesh.configuration import MeshSettings
from checks.model.raw_values import Raw, flag, items, text, texts

STDOUT = "envoy"
"""The predefined provider that writes to standard output, where `kubectl logs` finds it."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """The effective access log.

    `decided` names the object that decides, `field` its field, and `telemetry` is that object if it is one. `mesh` is set
    if the mesh's setting decides. `filter` is a CEL expression that limits the log; `provider` is one that is not the pods'
    output.
    """

    on: bool
    decided: str
    field: str
    observed: str
    mesh: bool = False
    filter: str = ""
    provider: str = ""
    telemetry: Telemetry | None = None


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Several Telemetry objects of one namespace and scope.

    Istiod uses the oldest (IST0159, IST0160).
    """

    namespace: str
    telemetries: tuple[Telemetry, ...]
    selecting: bool


def access_log(facts: Facts, labels: Mapping[str, str], mesh: MeshSettings) -> AccessLog:
    """The access log of a gateway proxy with these labels. Raises Unreadable."""
    names: tuple[str, ...] = texts(mesh.raw, "defaultProviders", "accessLogging")
    states: dict[str, tuple[bool, str]] = {}
    last: Telemetry | None = None
    ignored: Telemetry | None = None
    for telemetry in _chain(facts, labels):
        relevant = [entry for entry in telemetry.access_logging if _applies_to_gateways(entry)]
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
        disabled = f"disabled: true ({', '.join(names)})"
        return AccessLog(False, decided, field, disabled, mesh=last is None, telemetry=last)
    chosen = STDOUT if STDOUT in on else on[0]
    expression = states.get(chosen, (True, ""))[1]
    provider = "" if chosen == STDOUT else chosen
    return AccessLog(
        True,
        decided,
        field,
        ", ".join(on),
        mesh=last is None,
        filter=expression,
        provider=provider,
        telemetry=last,
    )


def ambiguities(facts: Facts, labels: Iterable[Mapping[str, str]]) -> tuple[Ambiguity, ...]:
    """The Telemetry objects that compete for the gateway's proxies. Raises Unreadable."""
    found: list[Ambiguity] = []
    for namespace in _namespaces(facts):
        all_of_it = sorted(facts.in_namespace(Telemetry, namespace), key=_age)
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
            t for t in sorted(facts.in_namespace(Telemetry, namespace), key=_age) if not t.selector and not _targets(t)
        )
        found.extend(each for each in (next(plain, None),) if each is not None)
    own = sorted(facts.in_namespace(Telemetry, facts.gateway.namespace), key=_age)
    found.extend([t for t in own if t.selector and selects(t.selector, labels)][:1])
    return tuple(found)


def _targets(telemetry: Telemetry) -> bool:
    """Whether it names waypoints or gateways of the Gateway API, not Istio Gateways."""
    return bool(items(telemetry.raw, "spec", "targetRefs"))


def _applies_to_gateways(entry: Raw) -> bool:
    # A gateway's listeners count as client side.
    return text(entry, "match", "mode").upper() != "SERVER"


def _providers(entry: Raw) -> tuple[str, ...]:
    return tuple(name for each in items(entry, "providers") if (name := text(each, "name")))


def _from_mesh(mesh: MeshSettings, ignored: Telemetry | None) -> AccessLog:
    written = text(mesh.raw, "accessLogFile")
    if ignored is not None and not written:
        # An entry without providers of its own or of the mesh has no effect (IST0157).
        lacks = "no providers, and none in the mesh"
        return AccessLog(False, ignored.ref, "spec.accessLogging", lacks, mesh=True, telemetry=ignored)
    return AccessLog(bool(written), _written(mesh), "accessLogFile", written or "(not set)", mesh=True)


def _written(mesh: MeshSettings) -> str:
    return ", ".join(mesh.written) if mesh.written else f"mesh configuration of {mesh.revision or 'the revision'}"


def _age(telemetry: Telemetry) -> tuple[str, str, str]:
    return (text(telemetry.raw, "metadata", "creationTimestamp"), telemetry.name, telemetry.namespace)
