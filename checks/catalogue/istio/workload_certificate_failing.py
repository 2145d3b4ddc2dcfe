"""EG521: a proxy of the gateway does not get a workload certificate."""

from collections.abc import Iterator, Sequence

from checks.engine.check import Because, check
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import LogText, ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.plugged_ca_fixes import renew_plugged_ca
from checks.knowledge.proxy_logs import certificate_expired, certificate_failure
from checks.model.commands import PLUGIN_CA, az_aks, change, inspect, istiod_log, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG521",
    title="A proxy does not get its workload certificate",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog, ManagedCluster),
    explains={
        "proxy-not-ready": Because("a proxy is not ready before it has its certificate", share="pod"),
    },
)
def workload_certificate_failing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the newest line about certificates in each proxy's log. A failure (`failed to warm certificate`,
    a CSR that was not signed) fails if the pod is not ready. It warns if the pod is ready, because its old certificate
    is still valid. It does not apply if istiod of the revision has no ready replica, which is then the cause, or while
    no proxy has ever started.

    Why it matters: without a certificate a proxy gets no configuration and cannot use mutual TLS with sidecars.
    Certificates are valid for a day, so a failing renewal becomes an outage within hours.

    What usually fixes it: the certificate authority: the secrets of the plugged-in CA in the key vault, the add-on's
    access to it, an expired intermediate certificate, or nodes with different clocks.

    Source: article IST-2; AKS documentation, "Plug in CA certificates for Istio-based service mesh add-on on Azure
    Kubernetes Service"; docs/domain/istio.md#log-lines."""
    pods = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not pods:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running).")
        return
    logs = {log.key: log for log in facts.readable(ProxyLog, facts.gateway.namespace)}
    without_istiod: set[str] = set()
    found: dict[tuple[bool, str], list[tuple[Pod, LogText, str]]] = {}
    for pod in pods:
        log = logs.get(pod.key)
        line = certificate_failure(log) if log is not None else None
        if log is None or line is None:
            continue
        if _istiod_down(facts, pod.revision):
            without_istiod.add(pod.revision)
            continue
        found.setdefault((pod.ready, pod.revision), []).append((pod, log, line.message.replace("\t", " ")))
    for alike in found.values():
        yield _failing(facts, alike)
    for pod in pods:
        if pod.key not in logs:
            facts.get(ProxyLog, pod.name, pod.namespace)
    if without_istiod and not found:
        yield skip(f"Istiod {', '.join(sorted(without_istiod))} is down and issues no certificates (istiod-unhealthy).")
    elif not found:
        yield healthy("No certificate failure in the proxies' logs.")


def _istiod_down(facts: Facts, revision: str) -> bool:
    deployment = facts.get(Deployment, f"istiod-{revision}", ROOT_NAMESPACE)
    return deployment is None or deployment.ready == 0


def _failing(facts: Facts, alike: Sequence[tuple[Pod, LogText, str]]) -> Observation:
    """The finding about the pods of one revision.

    They have one certificate authority, and one cause.
    """
    evidence = []
    for pod, log, line in alike:
        evidence += [
            Evidence(log.ref, "newest line about certificates", line, "generated new workload certificate"),
            Evidence(pod.ref, "status.conditions[Ready]", "True" if pod.ready else "False", "True"),
        ]
    pods = [pod for pod, _, _ in alike]
    first, several = pods[0], len(pods) > 1
    listed = ", ".join(f"{each.namespace}/{each.name}" for each in pods)
    refs = f"Pods {listed}" if several else first.ref
    about = [Involved("pod", f"{each.namespace}/{each.name}") for each in pods]
    if first.ready:
        uses = "use the old ones" if several else "uses the old one"
        certificates = "their workload certificates" if several else "its workload certificate"
        return warn(
            f"{refs} failed to renew {certificates} and still {uses}.",
            subject=first.ref,
            evidence=evidence,
            actions=_actions(facts, alike),
            about=about,
        )
    state = (
        "do not get their workload certificates and are not ready"
        if several
        else "does not get its workload certificate and is not ready"
    )
    return fail(f"{refs} {state}.", subject=first.ref, evidence=evidence, actions=_actions(facts, alike), about=about)


def _actions(facts: Facts, alike: Sequence[tuple[Pod, LogText, str]]) -> list[Action]:
    """The steps for an expired CA, otherwise those that find the reason."""
    pod = alike[0][0]
    renewed: list[Action] = []
    if any(certificate_expired(line) for _, _, line in alike):
        renewed = list(renew_plugged_ca(facts, [each for each, _, _ in alike], pod.revision))
    return [*renewed, *_lookups(facts, pod), *([] if renewed else [_renew()])]


def _renew() -> Action:
    return change(
        "Renew the CA's certificates, or the add-on's access to the key vault; if both are valid, compare the nodes' clocks",
        url=PLUGIN_CA,
    )


def _lookups(facts: Facts, pod: Pod) -> list[Action]:
    return [
        inspect(
            "Show the proxy's log lines about certificates",
            kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=500", namespace=pod.namespace)
            + " | grep -i certificate",
        ),
        inspect(
            "Show istiod's log lines about signing certificates", istiod_log(pod.revision, "CSR|cacerts|certificate")
        ),
        inspect(
            "Show whether the mesh uses a plugged-in CA",
            az_aks(
                facts.cluster,
                "show",
                "--query",
                "serviceMeshProfile.istio.certificateAuthority",
                "-o",
                "json",
            ),
            PLUGIN_CA,
        ),
        inspect(
            "Show the age and the labels of a plugged-in CA's Secret",
            kubectl("get", "secret", "cacerts", "--ignore-not-found", "--show-labels", namespace=ROOT_NAMESPACE),
            PLUGIN_CA,
        ),
    ]
