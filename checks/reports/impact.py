"""The effect of a result on traffic, in plain words and without names of objects.

It begins the first line of a card (docs/slack.md#card-headline); the fault follows.
"""

import re
from collections.abc import Iterable

from checks.model.findings import Finding, Report, Status, Verdict
from checks.reports.wording import plural, roots_of

LONGEST_IMPACT = 58
"""Characters of the longest effect, which is within the first 60 of a line."""

CHECKS_OF_ALL_TRAFFIC = frozenset(
    {
        "cluster-not-running",
        "istio-addon-disabled",
        "gateway-not-in-profile",
        "deployment-not-available",
        "gateway-configuration-missing",
        "egress-prefix-unassigned",
        "gateway-pool-missing",
        "gateway-dataplane-not-ready",
    }
)
"""Checks that fail only if no pod or no node forwards traffic of the gateway.

Source: docs/domain/decision-tables.md.
"""

CHECKS_OF_THE_ADDRESS = frozenset({"annotation-mismatch"})
"""Checks that fail only if traffic leaves from another address."""

CHECK_OF_THE_PROBED_ADDRESS = "source-address-wrong"
CHECK_OF_THE_PREFIX = "egress-prefix-unassigned"
_WRONG_ADDRESS = "Wrong source IP address"
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")

_BYPASS = re.compile(r"\bbypass(es)? the gateway\b")
"""The words of the router about requests that do not use the gateway.

Source: checks/istio/faults/route_texts.py.
"""


_SHORT = 17

_OF_VERDICT = {
    Verdict.HEALTHY: "",
    Verdict.DEGRADED: "At risk",
    Verdict.STARTING: "Not serving yet",
    Verdict.BROKEN: "Egress impaired",
    Verdict.INCONCLUSIVE: "Not checked whether egress works",
}


def impact_of(report: Report) -> str:
    """The effect: clients that cannot reach a host, or a risk; "" for a healthy gateway."""
    found = _impact_of_failures(report) if report.verdict is Verdict.BROKEN else ""
    return found or _OF_VERDICT[report.verdict]


def short_impact_of(report: Report) -> str:
    """The effect in at most 17 characters: on a lock screen, the fault follows soon."""
    found = impact_of(report)
    if found == _WRONG_ADDRESS:
        return "Wrong address"
    if len(found) <= _SHORT:
        return found
    hosts = _hosts_of(report)
    return f"{plural(len(hosts), 'host')} {'fails' if len(hosts) == 1 else 'fail'}"


def impact_of_checks(verdict: Verdict, failing: Iterable[str]) -> str:
    """The effect by the slugs of failed checks alone, if their findings are not known."""
    found = _by_checks(failing) if verdict is Verdict.BROKEN else ""
    return found or _OF_VERDICT[verdict]


def _impact_of_failures(report: Report) -> str:
    failing = [each for each in report.of(Status.FAIL) if not each.doubt]
    if found := _by_checks(each.check for each in failing):
        return found
    if any(each.check == CHECK_OF_THE_PROBED_ADDRESS and _shows_address(each) for each in failing):
        return _WRONG_ADDRESS
    roots, hosts = roots_of(report), _hosts_of(report)
    if hosts and all(any(each.kind == "host" for each in root.about) for root in roots):
        return _impact_on_hosts(hosts, roots)
    return ""


def _hosts_of(report: Report) -> list[str]:
    """The hosts that the root causes are about."""
    return sorted({each.name for root in roots_of(report) for each in root.about if each.kind == "host"})


def _by_checks(failing: Iterable[str]) -> str:
    found = set(failing)
    if found & CHECKS_OF_ALL_TRAFFIC:
        return "No egress"
    return _WRONG_ADDRESS if found & CHECKS_OF_THE_ADDRESS else ""


def _shows_address(finding: Finding) -> bool:
    """Whether the evidence of a probe has an address; without a connection it has none."""
    return any(_ADDRESS.search(each.observed) for each in finding.evidence)


def _impact_on_hosts(hosts: list[str], roots: Iterable[Finding]) -> str:
    bypass = all(_BYPASS.search(each.summary) for each in roots)
    for what in (hosts[0] if len(hosts) == 1 else plural(len(hosts), "host"), plural(len(hosts), "host")):
        found = f"Requests to {what} bypass the gateway" if bypass else f"Clients cannot reach {what}"
        if len(found) <= LONGEST_IMPACT:
            return found
    return "Some requests bypass the gateway" if bypass else "Clients cannot reach some hosts"
