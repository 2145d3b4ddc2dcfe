"""AuthorizationPolicies that allow a host only to other clients.

They allow it to clients whose identity the gateway does not have, or to other clients of the mesh.
"""

from collections.abc import Iterator, Sequence

from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.route.authorization import IDENTITY, admits, may_match, needs_identity
from checks.istio.route.carried import Configuration, about
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import show
from checks.model.commands import ISTIO_EGW, change, kubectl
from checks.model.findings import Evidence, Observation, fail, warn
from checks.model.raw_values import items, mapping, texts

DENIED_ANSWER = "403 (rbac_access_denied)"


def without_identity(
    found: Configuration, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]
) -> Iterator[Observation]:
    """Hosts that only rules on the client's identity allow, at servers that do not know it."""
    rules = [(policy, rule) for policy in allowing for rule in policy.rules]
    for host in hosts:
        matching = [(policy, rule) for policy, rule in rules if may_match(rule, host)]
        plain = [s for s in found.servers_for(host) if s.server.tls_mode != "ISTIO_MUTUAL"]
        if not matching or not plain or not all(needs_identity(rule) for _, rule in matching):
            continue
        policy, server = matching[0][0], plain[0]
        yield warn(
            f"{policy.ref} allows {host} by client identity, which {server.gateway.ref} does not have on port {server.port}: "
            f"the gateway answers {DENIED_ANSWER}.",
            subject=policy.ref,
            evidence=[
                Evidence(policy.ref, "spec.rules[*].from.source", "principals or namespaces", "none"),
                Evidence(
                    server.gateway.ref, f"{server.path}.tls.mode", server.server.tls_mode or "(no tls)", "ISTIO_MUTUAL"
                ),
            ],
            actions=[
                show(policy),
                show(server.gateway),
                change(
                    "Set ISTIO_MUTUAL between sidecars and gateway (server and DestinationRule), or allow by host only",
                    url=ISTIO_EGW,
                ),
            ],
            about=about([host]),
        )


def for_other_namespaces(
    facts: Facts, found: Configuration, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]
) -> Iterator[Observation]:
    """Hosts that the rules allow only to identities of other namespaces than the clients'."""
    if not allowing:
        return
    clients = client_namespaces(facts)
    for host in hosts:
        matching = [(p, rule) for p in allowing for rule in p.rules if may_match(rule, host)]
        seen = [s for s in found.servers_for(host) if s.server.tls_mode == "ISTIO_MUTUAL"]
        if not matching or not seen or len(seen) < len(found.servers_for(host)):
            continue
        if any(admits(rule, each, policy.namespace) for policy, rule in matching for each in clients):
            continue
        policy = matching[0][0]
        where = ", ".join(clients[:3]) + (f" and {len(clients) - 3} more" if len(clients) > 3 else "")
        namespaces = f"namespace{'s' if len(clients) > 1 else ''} {_enumerated(clients)}"
        yield fail(
            f"{policy.ref} allows no client in {namespaces} to reach {host}: the gateway answers {DENIED_ANSWER}.",
            subject=policy.ref,
            evidence=[Evidence(p.ref, "spec.rules[*].from.source", _sources(p), where) for p in allowing[:3]],
            actions=[
                show(policy),
                change(f"Edit {policy.ref}: add the clients' {namespaces} to the sources", _edit(policy), ISTIO_EGW),
            ],
            about=about([host]),
        )


def _enumerated(names: Sequence[str]) -> str:
    """The first three names as people list them: "a, b and c", "a, b, c and 2 more"."""
    *others, last = names if len(names) <= 3 else (*names[:3], f"{len(names) - 3} more")
    return f"{', '.join(others)} and {last}" if others else last


def _sources(policy: AuthorizationPolicy) -> str:
    sources = [mapping(each, "source") for rule in policy.rules for each in items(rule, "from")]
    named = sorted({name for source in sources for field in IDENTITY for name in texts(source, field)})
    return ", ".join(named[:5]) or "(any)"


def _edit(policy: AuthorizationPolicy) -> str:
    return kubectl("edit", "authorizationpolicies.security.istio.io", policy.name, namespace=policy.namespace)
