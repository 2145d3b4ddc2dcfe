"""EG106: the API server cannot be reached by this diagnosis."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.api_server import ApiServer
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.api_server_errors import refusal_of
from checks.model.commands import az_aks, change, inspect, kubectl, quoted
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, healthy, unknown


@check(
    code="EG106",
    title="The API server cannot be reached",
    severity=Severity.BLOCKS,
    scope=Scope.CLUSTER,
    reads=(ApiServer, ManagedCluster),
    reports_api_server=True,
)
def api_server_unreachable(facts: Facts) -> Iterator[Observation]:
    """What it checks: whether the API server answers `GET /version`, otherwise how the request failed: not
    authenticated, forbidden, no answer in time, no connection. Azure's answer shows whether the cluster is private or
    has authorized IP ranges. The check never fails: an API server that is unreachable for this diagnosis proves nothing
    about traffic.

    Why it matters: checks that read the cluster are not made; checks that read Azure still are.

    What usually fixes it: adding the source IP address of the diagnosis to the authorized IP ranges; running the
    diagnosis inside the network of a private cluster; a valid credential and a role binding.

    Source: AKS documentation, "Secure access to the API server using authorized IP address ranges in Azure
    Kubernetes Service (AKS)" and "Create a private Azure Kubernetes Service (AKS) cluster"."""
    gap = facts.gap(ApiServer)
    if gap is None or gap.credentials is not None:
        # Without credentials no request was sent: nothing is known about the API server.
        server = facts.one(ApiServer)
        version = f" (Kubernetes {server.version})" if server and server.version else ""
        yield healthy(f"The API server of cluster {facts.cluster.name} answers{version}.")
        return
    meaning = refusal_of(gap)
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    reply = f"{gap.status} {gap.message}".strip() if gap.status else gap.message or "no connection"
    evidence = [Evidence(f"cluster {facts.cluster.name}", "GET /version", reply, "200")]
    actions = [
        Action(
            meaning.fix,
            kubectl("get", "--raw", "/version"),
            expect="the command answers on the machine where the diagnosis runs",
        )
    ]
    if meaning.grant:
        actions.append(change(meaning.grant))
    why = ""
    if meaning.by_network and cluster is not None:
        why, more_evidence, more_actions = _access(facts, cluster)
        evidence += more_evidence
        actions += more_actions
    yield unknown(
        f"The API server of cluster {facts.cluster.name} {meaning.meaning}{why}.",
        subject=f"cluster {facts.cluster.name}",
        evidence=evidence,
        actions=actions,
    )


def _access(facts: Facts, cluster: ManagedCluster) -> tuple[str, list[Evidence], list[Action]]:
    """The access limits of the API server by Azure's answer.

    They are returned as a note for the summary, evidence and actions.
    """
    if cluster.private:
        evidence = Evidence(cluster.ref, "apiServerAccessProfile.enablePrivateCluster", "true")
        return " (the cluster is private)", [evidence], _into_private(facts, cluster)
    if ranges := cluster.authorized_ranges:
        evidence = Evidence(
            cluster.ref,
            "apiServerAccessProfile.authorizedIPRanges",
            ", ".join(ranges),
            "with the address of the diagnosis",
        )
        command = (
            az_aks(facts.cluster, "update")
            + f' --api-server-authorized-ip-ranges "{",".join(ranges)},${{ADDRESS:?public IP address of your machine}}"'
        )
        add = change(
            "Add the source IP address of the diagnosis to the authorized IP ranges",
            command,
            expect="`kubectl get --raw /version` answers",
        )
        return f" (authorized IP ranges: {', '.join(ranges)})", [evidence], [add]
    return "", [], []


def _into_private(facts: Facts, cluster: ManagedCluster) -> list[Action]:
    if not cluster.run_command:
        command = quoted("egress-diag", "diagnose", facts.cluster.name, facts.question.gateway)
        return [inspect("Run the diagnosis on a machine in the cluster's network or a peered network", command)]
    command = az_aks(facts.cluster, "command", "invoke", "--command", "kubectl get pods -A -o wide")
    return [change("Run kubectl through Azure in the meantime; this starts a pod in the cluster", command)]
