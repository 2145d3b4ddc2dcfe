"""EG102: the Istio add-on is not enabled."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import ADDON, az_aks, change, look
from checks.model.findings import Evidence, Observation, Scope, Severity, fail, healthy, skip, unknown


@check(
    code="EG102",
    title="The Istio add-on is not enabled",
    severity=Severity.BLOCKS,
    article=("overview",),
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
)
def istio_addon_disabled(facts: Facts) -> Iterator[Observation]:
    """What it checks: `serviceMeshProfile.mode` and the installed revisions. Any mode but `Istio`, or no revision, fails and
    ends the diagnosis of the gateway.

    Why it matters: egress gateways are part of the add-on: without it there is no control plane, no proxy and no gateway.

    What usually fixes it: `az aks mesh enable`. A self-managed Istio next to it is not supported.

    Source: AKS docs, deploy the Istio add-on; troubleshooting article, overview
    """
    show = look("See the mesh profile", az_aks(facts.cluster, "show", "--query", "serviceMeshProfile"), ADDON)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield skip("Azure is not looked at by configuration, so the mesh profile is not known.", actions=[show])
        return
    mode, revisions = cluster.mesh_mode, cluster.revisions
    evidence = [
        Evidence(cluster.ref, "serviceMeshProfile.mode", mode or "(not set)", "Istio"),
        Evidence(cluster.ref, "serviceMeshProfile.istio.revisions", ", ".join(revisions) or "(none)", "one or two"),
    ]
    if mode.lower() == "istio" and revisions:
        yield healthy(f"The Istio add-on runs on {cluster.ref} in {_listed(revisions)}.", evidence=evidence)
    elif not mode and not cluster.whole:
        yield unknown(
            "Azure's answer has no mesh profile, and no other part of a managed cluster either.", actions=[show]
        )
    else:
        off = mode.lower() in ("", "disabled")
        lacks = "not enabled" if off else f"in mode {mode}, with {len(revisions) or 'no'} revisions installed"
        yield fail(
            f"The Istio add-on of {cluster.ref} is {lacks}.",
            subject=cluster.ref,
            evidence=evidence,
            actions=[
                show,
                change(
                    "Enable the Istio add-on",
                    az_aks(facts.cluster, "mesh", "enable"),
                    ADDON,
                    "serviceMeshProfile.mode is Istio and istiod runs in aks-istio-system",
                ),
            ],
            stops=Scope.GATEWAY,
        )


def _listed(revisions: tuple[str, ...]) -> str:
    return ("revision " if len(revisions) == 1 else "revisions ") + " and ".join(revisions)
