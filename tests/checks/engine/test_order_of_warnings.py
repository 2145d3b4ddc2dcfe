"""The order of warnings (docs/severity.md#order).

The first is the headline of a degraded gateway.
"""

from checks.catalogue import catalogue
from checks.engine.causes import warning_checks
from checks.model.findings import Evidence, Finding, Involved, Severity, warn

CHECKS = {check.slug: check for check in catalogue()}
POOL = Involved("pool", "gwpool")


def warning(slug: str, severity: Severity, *about: Involved, pending: bool = False) -> Finding:
    evidence = [Evidence("Node a", "spec", "x", "y")]
    seen = warn("A sentence.", subject="Node a", evidence=evidence, about=about, severity=severity, pending=pending)
    return CHECKS[slug].finding(seen)


def order(*warnings: Finding) -> list[str]:
    return list(warning_checks(warnings, CHECKS.values()))


def test_a_cause_precedes_what_it_explains() -> None:
    symptom = warning("deployment-not-available", Severity.DEGRADES, Involved("revision", "asm-1-30"))
    cause = warning("gateway-pods-not-running", Severity.DEGRADES, Involved("revision", "asm-1-30"))
    assert order(symptom, cause) == ["gateway-pods-not-running", "deployment-not-available"]


def test_warnings_about_different_objects_are_in_order_of_code() -> None:
    one = warning("deployment-not-available", Severity.DEGRADES, Involved("revision", "asm-1-29"))
    other = warning("gateway-pods-not-running", Severity.DEGRADES, Involved("revision", "asm-1-30"))
    assert order(one, other) == ["deployment-not-available", "gateway-pods-not-running"]


def test_a_risk_explains_no_reduced_capacity() -> None:
    single_node = warning("gateway-pool-unhealthy", Severity.RISKS, POOL)
    not_serving = warning("gateway-dataplane-not-ready", Severity.DEGRADES, POOL)
    assert order(single_node, not_serving) == ["gateway-dataplane-not-ready", "gateway-pool-unhealthy"]


def test_a_pending_cause_is_before_reduced_capacity_and_risks() -> None:
    risk = warning("cluster-not-running", Severity.RISKS)
    nodes = warning("gateway-pool-unhealthy", Severity.DEGRADES, POOL)
    prefix = warning("egress-prefix-unassigned", Severity.RISKS, pending=True)
    assert order(risk, nodes, prefix) == ["egress-prefix-unassigned", "gateway-pool-unhealthy", "cluster-not-running"]
