"""Breaks told to people: the sentence, the field, and the corrected object."""

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration, about
from checks.istio.route.clients import asked_client
from checks.istio.route.corrections import listed, show
from checks.istio.route.proof import proof
from checks.istio.route.repairs import repair
from checks.istio.route.route_breaks import MEANINGS
from checks.istio.route.sidecar_hop import names_of
from checks.model.commands import HOWTO, ISTIO_EGW, change, inspect
from checks.model.findings import Action, Involved, Observation, fail, warn


def told(facts: Facts, found: Configuration, broken: Break) -> Observation:
    """The break as a finding about its host."""
    observe = warn if broken.warns else fail
    hosts = {broken.host}
    if broken.destination is not None and broken.fault in (Fault.UNKNOWN_DESTINATION, Fault.NO_DESTINATION_PORT):
        hosts.add(broken.destination.host)
    return observe(
        sentence(facts, found, broken),
        subject=f"host {broken.host}",
        evidence=[proof(found, broken)],
        actions=_actions(facts, found, broken),
        about=[*about(hosts), *_through(broken)],
    )


AT_SERVERS = (Fault.NO_SERVER, Fault.NO_SUCH_GATEWAY, Fault.WRONG_PORT)
"""Breaks that may follow from a Gateway that does not select the gateway, or a server that is not opened."""


def _through(broken: Break) -> list[Involved]:
    """What else the break is about: by it, and not by the host alone, other findings explain it."""
    if broken.fault is Fault.NOT_DISCOVERED and broken.route is not None:
        return [Involved("namespace", broken.route.namespace)]
    if broken.fault is Fault.UNKNOWN_DESTINATION and broken.destination is not None:
        return [Involved("destination", broken.destination.host)]
    return [Involved("server", broken.host)] if broken.fault in AT_SERVERS or _without_tls(broken) else []


def _without_tls(broken: Break) -> bool:
    """Whether the server asks rules of another kind only because it lacks the tls block that its protocol needs."""
    if broken.fault is not Fault.WRONG_KIND or broken.server is None:
        return False
    server = broken.server.server
    return server.tls is None and server.port.protocol in ("HTTPS", "TLS")


def _words(facts: Facts, found: Configuration, broken: Break) -> dict[str, str]:
    server = broken.server
    kind = broken.rule.kind if broken.rule else "http"
    wanted = {"http": "HTTP", "tls": "TLS", "tcp": "TCP"}[kind]
    if broken.fault is Fault.WRONG_KIND and server is not None:
        wanted = server.kind.routes
    entry, _, detail = broken.text.partition(" | ")
    text = broken.text
    if broken.fault is Fault.WRONG_PROTOCOL:
        text = f"{entry} declares it as {detail}" if detail else f"{entry} does not declare it"
    elif broken.fault is Fault.NO_DESTINATION_PORT:
        text = entry
    elif broken.fault is Fault.NO_SUBSET and broken.destination is not None:
        text = broken.destination.subset
    return {
        "route": broken.route.ref if broken.route else "a VirtualService",
        "host": broken.host,
        "rule": broken.rule.path if broken.rule else "A rule",
        "destination": broken.destination.written if broken.destination else "",
        "gateway": facts.gateway.ref,
        "service": found.service,
        "server": f"{server.path} of {server.gateway.ref}" if server else "a Gateway",
        "port": str(broken.port),
        "text": text,
        "kind": kind,
        "wanted": wanted,
        "others": names_of(broken.others),
    }


def sentence(facts: Facts, found: Configuration, broken: Break) -> str:
    """What is broken, for whom, and what the application sees, in one sentence."""
    meaning = MEANINGS[broken.fault]
    said = meaning.sentence.format(**_words(facts, found, broken))
    if broken.clients:
        said += f" for clients in {' and in '.join(str(each) for each in broken.clients[:3])}"
    elif broken.fault is Fault.NOT_SEEN_BY_CLIENTS:
        asked, _ = asked_client(facts)
        said += f" to namespace {asked}" if asked else " to any client"
    if broken.fault is Fault.ELSEWHERE and broken.others:
        said += f"; {names_of(broken.others)} routes it there, but is newer and has no effect"
    if broken.fault is Fault.NO_ROUTE and broken.host not in found.hosts and found.hosts:
        said += f"; it routes {_carried(found)}"
    return f"{said}: {meaning.seen}." if meaning.seen else f"{said}."


def _carried(found: Configuration) -> str:
    """The hosts that one could have meant."""
    more = len(found.hosts) - 5
    return ", ".join(found.hosts[:5]) + (f" and {more} more" if more > 0 else "")


def _actions(facts: Facts, found: Configuration, broken: Break) -> list[Action]:
    words = _words(facts, found, broken)
    shown = broken.route or (broken.server.gateway if broken.server else None)
    first = show(shown) if shown is not None else inspect("List all VirtualServices", listed(VirtualService))
    title = MEANINGS[broken.fault].fix.format(**words)
    expect = f"`egress-diag diagnose … --host {broken.host}` shows the whole route"
    changes = [change(title, each.command, HOWTO, expect) for each in repair(facts, found, broken)]
    if not changes:
        changes = [change(title, "", ISTIO_EGW, expect)]
    others = [show(each) for each in broken.others[:2]]
    return [first, *others, *changes]
