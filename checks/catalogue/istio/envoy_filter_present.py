"""EG518: an EnvoyFilter changes the gateway's proxies."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ROOT_NAMESPACE, EnvoyFilter
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.configured.proxy_labels import gateway_labels
from checks.model.commands import SUPPORT, change, inspect, kubectl
from checks.model.findings import Evidence, Observation, Severity, healthy, warn
from checks.model.raw_values import items, text


@check(
    code="EG518",
    title="An EnvoyFilter changes the gateway's proxies",
    severity=Severity.RISKS,
    hop="egress gateway",
    reads=(EnvoyFilter, Pod, Deployment),
)
def envoy_filter_present(facts: Facts) -> Iterator[Observation]:
    """What it checks: EnvoyFilters of the gateway's namespace and of aks-istio-system that patch gateways and whose
    workloadSelector matches the gateway's pods or is absent. A patch only in SIDECAR_INBOUND or SIDECAR_OUTBOUND does not
    count. Each one warns.

    Why it matters: an EnvoyFilter edits Envoy's configuration directly. AKS allows but does not support it, and new
    revisions can break it: proxies then reject listeners or clusters.

    What usually fixes it: no fix is needed while traffic flows. If proxies reject configuration, delete the filter and
    verify that they accept it; mention the filter in a support request.

    Source: AKS documentation, "Support policy for Istio-based service mesh add-on for Azure Kubernetes Service";
    docs/domain/istio.md#b34."""
    labels = gateway_labels(facts)
    count = 0
    namespaces = dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE))
    for each in (found for namespace in namespaces for found in facts.in_namespace(EnvoyFilter, namespace)):
        selector = each.workload_selector
        if selector and not any(selects(selector, one) for one in labels):
            continue
        if not selector and items(each.raw, "spec", "targetRefs"):
            # targetRefs name waypoints and Gateway API gateways, never a classic gateway.
            continue
        if patches := _patches(each):
            count += 1
            yield _warned(each, patches)
    if not count:
        yield healthy(f"No EnvoyFilter applies to the pods of {facts.gateway.ref}.")


def _patches(found: EnvoyFilter) -> tuple[str, ...]:
    """The filter's patches of gateways, each as `applyTo in context`."""
    contexts = (
        (text(p, "applyTo"), text(p, "match", "context") or "ANY") for p in items(found.raw, "spec", "configPatches")
    )
    return tuple(dict.fromkeys(f"{what} in {where}" for what, where in contexts if not where.startswith("SIDECAR")))


def _warned(found: EnvoyFilter, patches: tuple[str, ...]) -> Observation:
    selector = ", ".join(f"{key}={value}" for key, value in sorted(found.workload_selector.items()))
    scope = (
        f"selects the gateway's pods by {selector}"
        if selector
        else "applies to the gateway's pods because it has no workloadSelector"
    )
    return warn(
        f"{found.ref} changes the gateway's proxies ({'; '.join(patches)}).",
        subject=found.ref,
        evidence=[
            Evidence(
                found.ref,
                "spec.workloadSelector",
                selector or "(none)",
                "a selector that does not match the gateway's pods",
            )
        ],
        actions=[
            inspect(
                f"Show the EnvoyFilter, which {scope}",
                kubectl("get", "envoyfilter", found.name, "-o", "yaml", namespace=found.namespace),
                SUPPORT,
            ),
            change(
                "Delete the EnvoyFilter if proxies reject configuration (keep a copy), or limit its workloadSelector to "
                "the workloads that need it",
                url=SUPPORT,
            ),
        ],
    )
