"""EG521: a proxy of the gateway gets no workload certificate."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import LogText, ProxyLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.istio_logs import certificate_trouble
from checks.model.commands import PLUGIN_CA, az_aks, change, istiod_log, kubectl, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG521",
    title="The workload certificate cannot be made",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(Pod, Deployment, ProxyLog),
    explains={
        "proxy-not-ready": Because("a proxy is not ready before it has its certificate", share="pod"),
    },
)
def workload_certificate_failing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the newest line about certificates in each proxy's log. A failure (`failed to warm certificate`, a
    CSR that was not signed) with a pod that is not ready fails; with a ready pod, whose old certificate still serves,
    it warns. Where istiod of the revision has no ready replica, that is the reason, and this is skipped. Skipped while
    no proxy has ever started.

    Why it matters: without a certificate a proxy gets no configuration and cannot speak mutual TLS with sidecars;
    certificates live for a day, so a failing renewal becomes an outage within hours.

    What usually fixes it: the certificate authority: the plugged-in CA's secrets in the key vault, the add-on's access
    to it, an expired intermediate certificate, or clocks that disagree.

    Source: article, Istio step 2; AKS documentation "Plug in CA certificates"; domain.md 5.6."""
    pods = [pod for pod in facts.pods() if pod.proxy is not None and pod.proxy.started]
    if not pods:
        yield skip(f"No proxy of {facts.gateway.ref} has ever started (gateway-pods-not-running says why).")
        return
    logs = {log.key: log for log in facts.readable(ProxyLog, facts.gateway.namespace)}
    without_istiod: set[str] = set()
    found = False
    for pod in pods:
        log = logs.get(pod.key)
        line = certificate_trouble(log) if log is not None else None
        if log is None or line is None:
            continue
        if _istiod_down(facts, pod.revision):
            without_istiod.add(pod.revision)
            continue
        found = True
        yield _failing(facts, pod, log, line.message.replace("\t", " "))
    for pod in pods:
        if pod.key not in logs:
            facts.get(ProxyLog, pod.name, pod.namespace)
    if without_istiod and not found:
        yield skip(
            f"Istiod of {', '.join(sorted(without_istiod))} makes no certificates while it is down (istiod-unhealthy)."
        )
    elif not found:
        yield healthy("No proxy's newest word about its workload certificate is a failure.")


def _istiod_down(facts: Facts, revision: str) -> bool:
    deployment = facts.get(Deployment, f"istiod-{revision}", ROOT_NAMESPACE)
    return deployment is None or deployment.ready == 0


def _failing(facts: Facts, pod: Pod, log: LogText, line: str) -> Observation:
    evidence = [
        Evidence(log.ref, "newest line about certificates", line, "generated new workload certificate"),
        Evidence(pod.ref, "status.conditions[Ready]", "True" if pod.ready else "False", "True"),
    ]
    about = [Involved("pod", f"{pod.namespace}/{pod.name}")]
    if pod.ready:
        return warn(
            f"{pod.ref} could not renew its workload certificate and still serves with the old one.",
            subject=pod.ref,
            evidence=evidence,
            actions=_actions(facts, pod),
            about=about,
        )
    return fail(
        f"{pod.ref} cannot get its workload certificate and is not ready.",
        subject=pod.ref,
        evidence=evidence,
        actions=_actions(facts, pod),
        about=about,
    )


def _actions(facts: Facts, pod: Pod) -> list[Action]:
    return [
        look(
            "Read the proxy's words about certificates",
            kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=500", namespace=pod.namespace)
            + " | grep -i certificate",
        ),
        look("Read whether istiod could sign", istiod_log(pod.revision, "CSR|cacerts|certificate")),
        look(
            "See whether the mesh uses a plugged-in CA",
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
        look(
            "Look at the plugged-in CA", kubectl("describe", "secret", "cacerts", namespace=ROOT_NAMESPACE), PLUGIN_CA
        ),
        change(
            "Renew the CA's certificates and the add-on's access to the key vault; with neither at fault, compare the "
            "nodes' clocks",
            url=PLUGIN_CA,
        ),
    ]
