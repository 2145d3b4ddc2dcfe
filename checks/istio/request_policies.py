"""AuthorizationPolicies that match request fields.

A gateway cannot read these fields in TLS that it passes through.
"""

from collections.abc import Iterator

from checks.facts.changes import MergePatch
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.route.carried import about, configuration
from checks.istio.route.corrections import show
from checks.istio.route.passage import Passage
from checks.model.commands import TSG, change
from checks.model.findings import Action, Evidence, Observation, fail
from checks.model.raw_values import items, mapping, text

_REQUEST_FIELDS = ("methods", "notMethods", "paths", "notPaths", "hosts", "notHosts")
"""Fields of a policy that match only if the gateway can read the request."""


def policies_on_requests(facts: Facts, path: Passage) -> Iterator[Observation]:
    """ALLOW policies for the gateway that match only on request fields.

    TLS hides these fields, so such policies deny everything.
    """
    labels = configuration(facts).labels
    namespaces = dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE))
    for policy in (p for ns in namespaces for p in facts.readable(AuthorizationPolicy, ns)):
        if policy.action != "ALLOW" or policy.target_refs or not any(selects(policy.selector, each) for each in labels):
            continue
        rules = [rule for rule in policy.rules if _request_fields(rule)]
        if rules and len(rules) == len(policy.rules):
            yield fail(
                f"{policy.ref} matches methods, paths or hosts of requests to {path.host}, which the gateway cannot read: it "
                "passes TLS through.",
                subject=f"host {path.host}",
                evidence=[
                    Evidence(policy.ref, "spec.rules", ", ".join(_request_fields(rules[0])), "ports, namespaces or SNI")
                ],
                actions=[show(policy), _by_sni(policy, path.host)],
                about=about({path.host}),
            )


def _request_fields(rule: object) -> list[str]:
    fields = [k for to in items(rule, "to") for k in _REQUEST_FIELDS if mapping(to, "operation").get(k)]
    return fields + [
        text(when, "key") for when in items(rule, "when") if text(when, "key").startswith("request.headers")
    ]


def _by_sni(policy: AuthorizationPolicy, host: str) -> Action:
    merge = MergePatch(policy, {"spec": {"rules": [{"when": [{"key": "connection.sni", "values": [host]}]}]}})
    return change(f"Patch {policy.ref} to allow the host by its SNI", merge.command, TSG)
