"""The DestinationRule that counts at the sidecar for the gateway's Service: subset and TLS."""

from collections.abc import Iterator

from checks.facts.istio_networking import DestinationRule
from checks.facts.view import Facts
from checks.istio.route.breaks import Fault
from checks.istio.route.destination_rules import Effective, Tls, effective, elsewhere
from checks.istio.route.leg import Leg, chosen_by, labels_of
from checks.istio.route.rules import Destination, Rule
from checks.istio.route.sidecar_hop import Arrival
from checks.istio.route.starts import Start
from checks.istio.route.visibility import export_of, exported
from checks.istio.route.walk import Walk, readable
from checks.model.route import Decision, HopName, Rival


def doubts_about(strays: list[tuple[Rule, Destination]], rule: Rule, *, partial: bool) -> tuple[str, ...]:
    """What else can become of some of the requests."""
    parts = [
        f"part of the requests goes to {each.written} by {other.path} of {other.route.ref}" for other, each in strays
    ]
    if partial:
        parts.append(f"{rule.route.ref} matches only some requests; the others get 404 (NR)")
    return tuple(parts)


def settings(leg: Leg, arrival: Arrival, rivals: tuple[Rival, ...], doubts: tuple[str, ...]) -> bool:
    """The DestinationRule that counts at the sidecar for the gateway's Service. False where the subset is not defined."""
    facts, found, start, walk = leg.facts, leg.found, leg.start, leg.walk
    rule, destination = arrival.rule, arrival.destination
    used = effective(facts, found.service, start.namespace, facts.gateway.namespace, start.mesh, labels_of(start))
    shown = [chosen_by(rule, destination)]
    losing = (*rivals, *_unused(facts, found.service, used, start.namespace, start))
    if (gap := readable(facts, (DestinationRule,))) is not None:
        walk.unknown(HopName.MESH_ROUTE, gap, shown, ends=False)
        return True
    if destination.subset and (used is None or used.subset(destination.subset) is None):
        text = ", ".join(each.ref for each in used.rules) if used else ""
        cause = leg.breaking(Fault.NO_SUBSET, rule.route, rule=rule, destination=destination, text=text)
        says = f"subset {destination.subset} of {found.service} is not defined by {text or 'any DestinationRule'}"
        walk.breaks(HopName.MESH_ROUTE, cause, says, shown, losing)
        return False
    tls = used.tls(arrival.gateway_port, destination.subset) if used else None
    shown.append(_tls_decision(used, tls, start.namespace))
    walk.passes(
        HopName.MESH_ROUTE,
        f"to {found.service}:{arrival.gateway_port}, {_spoken(tls, walk)}",
        shown,
        losing,
        doubts,
    )
    return True


def _spoken(tls: Tls | None, walk: Walk) -> str:
    if tls is not None and tls.encrypts:
        return f"in TLS ({tls.mode})"
    return "in plain text" if walk.dial.kind == "http" else "encrypted by the application"


def _tls_decision(used: Effective | None, tls: Tls | None, viewer: str) -> Decision:
    if used is None:
        return Decision("(no DestinationRule)", "spec.trafficPolicy.tls", "plain text as the application sends it")
    why = f"in namespace {used.rules[0].namespace}" + (
        ", the client's own" if used.rules[0].namespace == viewer else ""
    )
    if tls is None:
        return Decision(used.rules[0].ref, "spec.trafficPolicy.tls", "(not set): as the application sends it", why)
    return Decision(tls.rule.ref, tls.path, f"{tls.mode}{f', sni {tls.sni}' if tls.sni else ''}", why)


def _unused(facts: Facts, host: str, used: Effective | None, viewer: str, start: Start) -> Iterator[Rival]:
    for each in elsewhere(facts, host, used)[:5]:
        if not exported(export_of(each, start.mesh), each.namespace, viewer):
            yield Rival(each.ref, f"not exported to {viewer}")
        elif used is not None and each.namespace == used.rules[0].namespace:
            yield Rival(each.ref, "for a less specific host, or newer")
        else:
            yield Rival(each.ref, "in a namespace with lower precedence, or not visible")
