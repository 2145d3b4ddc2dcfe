"""A request at the gateway, and what both sides of it tell."""

from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.namespaces import Secret
from checks.facts.view import Facts
from checks.istio.route.breaks import Break
from checks.istio.route.carried import Configuration
from checks.istio.route.credentials import UNWATCHED, Use, lacking_keys
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.sidecar_hop import Arrival
from checks.istio.route.telling import sentence
from checks.istio.route.tls_contract import TlsBreak
from checks.istio.route.walk import Walk
from checks.model.route import Decision, HopName


@dataclass(frozen=True, slots=True)
class Stay:
    """A request that has come to the gateway."""

    facts: Facts
    found: Configuration
    walk: Walk
    arrival: Arrival

    @property
    def host(self) -> str:
        return self.walk.dial.host


def said_of(stay: Stay, broken: Break) -> str:
    """The sentence of a break without what becomes of requests, which the route says itself."""
    whole = sentence(stay.facts, stay.found, broken)
    return whole.rpartition(": ")[0] or whole.rstrip(".")


def tls_decision(broken: TlsBreak) -> Decision:
    """The setting that decides what a side of the hop speaks."""
    if broken.tls is not None:
        sni = f", sni {broken.tls.sni}" if broken.tls.sni else ""
        return Decision(broken.tls.rule.ref, broken.tls.path, f"{broken.tls.mode}{sni}")
    if broken.used is None:
        return Decision("destinationrules.networking.istio.io", "spec.host", f"none applies to {broken.name}")
    dropped = broken.used.dropped(broken.port, broken.subset)
    why = "an entry for the port replaces the tls of the whole rule" if dropped else ""
    return Decision(broken.used.policy[0].ref, f"{dropped or 'spec.trafficPolicy'}.tls", "(not set)", why)


def has_secret(stay: Stay, use: Use, hop: HopName, shown: list[Decision]) -> bool:
    """Whether the Secret of a credential is beside the gateway, with its keys; a hop that says so where it is not."""
    facts, walk, namespace = stay.facts, stay.walk, stay.facts.gateway.namespace
    named = f"Secret {namespace}/{use.secret}"
    shown.append(Decision(use.owner, f"{use.path}.credentialName", use.name))
    try:
        secret = facts.get(Secret, use.secret, namespace)
        beside = facts.get(Secret, f"{use.secret}-cacert", namespace) is not None
    except Unreadable as gap:
        walk.unknown(hop, gap, shown, ends=False)
        return True
    wrong = ""
    if secret is None:
        wrong = f"{named} does not exist"
    elif secret.type in UNWATCHED:
        wrong = f"{named} has type {secret.type}, which istiod does not read"
    elif lacking := lacking_keys(secret, use, beside):
        wrong = f"{named} lacks {lacking}"
    if wrong:
        walk.breaks(
            hop,
            Blocked(Obstacle.CREDENTIAL_MISSING, use.thing, text=use.secret),
            f"{wrong}: {use.owner} names it",
            shown,
        )
    return not wrong
