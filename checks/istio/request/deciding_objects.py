"""The objects that decide about a connection at one proxy; none may be newer.

Source: docs/rulings.md#ruling-32.
"""

from collections.abc import Iterable, Iterator

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.configuration import OUTBOUND_POLICIES
from checks.istio.request.forwarding import Arrival
from checks.istio.request.matching import NotModelled
from checks.istio.request.newer_objects import refuse_newer
from checks.istio.request.outcome import End, Result
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.knowledge.istio_syntax import syntax_table


def refuse_newer_policy(here: ProxyConfiguration) -> None:
    """Raise NotModelled if the policy of a sidecar for unknown hosts is not known."""
    policy = here.scope.outbound_policy
    if not here.proxy.gateway and policy not in OUTBOUND_POLICIES:
        raise NotModelled(f"outboundTrafficPolicy {policy} is newer than Istio {syntax_table().version}")


def newer_gateway(there: ProxyConfiguration) -> str:
    """Why it is not known on which ports a gateway listens; "" if it is known."""
    try:
        refuse_newer(there.mesh, there.mesh.gateways_selecting(there.proxy.labels))
    except NotModelled as missing:
        return f"not modelled: {missing}"
    return ""


def deciding_objects(arrival: Arrival, ends: Iterable[End]) -> Iterator[KubernetesObject | None]:
    """The objects that decide how one proxy treats a connection."""
    here = arrival.at
    yield here.scope.sidecar
    for end in ends:
        yield from (step.origin.source for step in end.steps if step.proxy == here.name)
    if here.proxy.gateway and any(end.result is Result.FAILS and end.proxy == here.name for end in ends):
        # A server of a newer version may be the one that accepts the request.
        yield from here.mesh.gateways_selecting(here.proxy.labels)
