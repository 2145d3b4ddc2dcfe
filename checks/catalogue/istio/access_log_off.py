"""EG504: the gateway's proxies write no access log."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import Telemetry
from checks.facts.namespaces import ConfigMap
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.access_log import AccessLog, Ambiguity, access_log, ambiguities
from checks.istio.configured.proxy_labels import gateway_labels
from checks.istio.configured.revision_settings import require_settings, settings_of
from checks.model.commands import ISTIO_LOG, MESHCFG, TELEM, alternatives, change, inspect, kubectl, kubectl_apply
from checks.model.findings import Action, Evidence, Observation, Severity, healthy, skip, warn


@check(
    code="EG504",
    title="The gateway writes no access log",
    severity=Severity.RISKS,
    hop="egress gateway",
    article=("IST-1",),
    reads=(Telemetry, ConfigMap, Pod, Deployment),
)
def access_log_off(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Telemetry objects that apply to the gateway's pods: those of aks-istio-system, then those of
    the gateway's namespace, then those that select the pods; the most specific with `accessLogging` applies. Without
    one, `accessLogFile` of the mesh applies. It warns if the access log is off, or if a namespace has several Telemetry
    objects of the same scope, of which istiod uses only the oldest.

    Why it matters: nothing is broken, but without the log it is not visible which requests reach the gateway, which
    route they use, and with which response flag they fail.

    What usually fixes it: a Telemetry object in the gateway's namespace, or `accessLogFile: /dev/stdout` in the shared
    ConfigMap of the revision.

    Source: article IST-1; AKS documentation, "Telemetry for Istio-based service mesh add-on for Azure Kubernetes
    Service" and "Configure Istio-based service mesh add-on for Azure Kubernetes Service";
    docs/domain/istio.md#access-logging."""
    known = gateway_labels(facts)
    labels = known or ({},)
    competing = ambiguities(facts, labels)
    yield from (_ambiguous(each) for each in competing)
    logs: dict[AccessLog, str] = {}
    for revision in facts.gateway.revisions or ("",):
        mesh = settings_of(facts, revision)
        of_revision = [each for each in labels if each.get("istio.io/rev", revision) == revision] or list(labels)
        for each in of_revision:
            logs.setdefault(access_log(facts, each, mesh), revision)
    if any(each.mesh for each in logs):
        require_settings(facts)
    else:
        facts.disregard(ConfigMap)  # a Telemetry decides
    off = {log: revision for log, revision in logs.items() if not log.on}
    if off and not known:
        yield skip(f"The {facts.gateway.ref} has no Deployment and no proxy (deployment-not-available).")
        return
    for log, revision in off.items():
        yield _off(facts, log, revision, dict(labels[0]))
    if not off and not competing:
        yield _on(next(iter(logs)))


def _on(log: AccessLog) -> Observation:
    note = f", limited by the filter {log.filter}" if log.filter else ""
    note += f"; they go to provider {log.provider}, not to the pods' output" if log.provider else ""
    return healthy(
        f"Access logs are enabled by {log.decided}{note}.", evidence=[Evidence(log.decided, log.field, log.observed)]
    )


def _off(facts: Facts, log: AccessLog, revision: str, labels: dict[str, str]) -> Observation:
    gateway = facts.gateway
    which = f" of revision {revision}" if len(gateway.revisions) > 1 else ""
    return warn(
        f"The proxies{which} of {gateway.ref} write no access log.",
        subject=gateway.ref,
        evidence=[Evidence(log.decided, log.field, log.observed, "provider envoy, or /dev/stdout")],
        actions=[
            inspect(
                "Show the Telemetry objects that may apply",
                kubectl("get", "telemetries.telemetry.istio.io", "-A", "-o", "yaml"),
                TELEM,
            ),
            *_fixes(facts, log, revision, labels),
        ],
    )


def _fixes(facts: Facts, log: AccessLog, revision: str, labels: dict[str, str]) -> Iterator[Action]:
    expect = "requests appear in the istio-proxy log within seconds, without a restart"
    found = log.telemetry
    if found is not None:
        # A new object would be newer, and istiod uses the oldest of several with the same scope.
        edit = kubectl("edit", "telemetries.telemetry.istio.io", found.name, namespace=found.namespace)
        yield change(f"Edit {found.ref}: set provider envoy and remove disabled: true", edit, TELEM, expect)
        return
    gateway = facts.gateway
    selector = f"\n  selector:\n    matchLabels:\n      istio: {labels['istio']}" if labels.get("istio") else ""
    create = change(
        "Create a Telemetry object that enables the gateway's access log",
        kubectl_apply(_manifest(gateway.name, gateway.namespace, selector)),
        TELEM,
        expect,
    )
    others = []
    if revision:
        edit = kubectl("edit", "configmap", f"istio-shared-configmap-{revision}", namespace=ROOT_NAMESPACE)
        title = "Enable the access log for the whole mesh instead: accessLogFile: /dev/stdout"
        others.append(change(title, edit, MESHCFG, expect))
    yield from alternatives(create, *others)


def _manifest(name: str, namespace: str, selector: str) -> str:
    return f"""apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata:
  name: {name}-access-log
  namespace: {namespace}
spec:{selector}
  accessLogging:
  - providers:
    - name: envoy"""


def _ambiguous(found: Ambiguity) -> Observation:
    names = ", ".join(each.name for each in found.telemetries)
    scope = "that select the gateway's pods" if found.selecting else "without a selector"
    oldest = found.telemetries[0]
    return warn(
        f"Namespace {found.namespace} has {len(found.telemetries)} Telemetry objects {scope} ({names}): "
        f"istiod uses only the oldest, {oldest.name}.",
        subject=f"Namespace {found.namespace}",
        evidence=[
            Evidence(
                each.ref, "metadata.creationTimestamp", f"{each.created:%Y-%m-%dT%H:%M:%SZ}" if each.created else ""
            )
            for each in found.telemetries
        ],
        actions=[
            inspect(
                "Show the Telemetry objects of the namespace",
                kubectl("get", "telemetries.telemetry.istio.io", "-o", "yaml", namespace=found.namespace),
                ISTIO_LOG,
            ),
            change("Merge the Telemetry objects into one and delete the others", url=ISTIO_LOG),
        ],
    )
