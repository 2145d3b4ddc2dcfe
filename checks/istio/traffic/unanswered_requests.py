"""Requests that clients closed before an answer.

A firewall that drops packets looks so if clients wait for less than the time-out of a connection. Source:
docs/rulings.md#ruling-38.
"""

from collections.abc import Iterator

from checks.facts.counter_names import REQUESTS
from checks.facts.view import Facts
from checks.istio.traffic.host_traffic import HostTraffic
from checks.model.commands import HOWTO, change, quoted
from checks.model.durations import span
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, warn


def unanswered_requests(facts: Facts, found: HostTraffic) -> Observation:
    """A warning: they show no failure of the gateway, and no success."""
    to = f" to {found.host}" if found.host else " without a known host"
    period = f" {found.period}" if found.period else ""
    after = f", after {span(found.waited)} on average" if found.waited else ""
    row = (
        Evidence(REQUESTS, "response_code", "0", "an answer") if found.counted else Evidence("access log", "code", "0")
    )
    return warn(
        f"Clients closed {found.unanswered:,} of {found.total:,} requests{to}{period} before an answer{after}: the "
        "destination, or the network before it, does not answer in time.",
        subject=f"host {found.host}" if found.host else facts.gateway.ref,
        evidence=[row],
        actions=list(network_actions(facts, found.host)),
        about=[Involved("host", found.host)] if found.host else [],
        severity=Severity.DEGRADES,
    )


def network_actions(facts: Facts, host: str) -> Iterator[Action]:
    """A request from outside the mesh, and the change of a firewall."""
    yield change(
        "Request the source IP address from a pod outside the mesh, which separates the network from Istio",
        quoted("egress-diag", "probe", facts.cluster.name, str(facts.gateway)),
        url=HOWTO,
    )
    yield change(
        f"Allow the egress IP prefix in every firewall before {host or 'the destination'} and in its allow-list, if only "
        "requests through this gateway fail",
        url=HOWTO,
    )
