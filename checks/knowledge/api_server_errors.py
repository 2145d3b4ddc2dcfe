"""The meaning of a failed `GET /version` of the API server.

By HTTP status, or by the reason why there was no answer.

Source: docs/domain/azure.md#api-server-authentication.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from checks.facts.barrier import Barrier
from checks.facts.fact import Gap


@dataclass(frozen=True, slots=True)
class ApiServerRefusal:
    """A failed request: its meaning and the usual fix.

    The meaning completes "The API server of cluster X …".
    """

    meaning: str
    fix: str
    grant: str = ""
    """The change of the cluster that grants the missing permission."""
    by_network: bool = False
    """Whether the network path is the likely cause.

    Private access and authorized IP ranges then matter.
    """


_BY_STATUS = {
    401: ApiServerRefusal(
        "rejected the token of this diagnosis (401)",
        "Renew the kubeconfig (`az aks get-credentials --overwrite-existing`) or the sign-in (`az login`); with Entra ID the "
        "token is for the AKS server application 6dae42f8-4368-4678-94ff-3960e28e3630",
    ),
    403: ApiServerRefusal(
        "grants no permission to the identity of this diagnosis (403)",
        "Check that the identity of the diagnosis has a role in the cluster",
        grant="Bind the ClusterRole that `egress-diag checks --permissions` prints to the identity of the diagnosis",
    ),
    504: ApiServerRefusal(
        "did not answer in time",
        "Check what blocks the path to the API server: authorized IP ranges, private endpoint, firewall",
        by_network=True,
    ),
    0: ApiServerRefusal(
        "accepted no connection",
        "Check that the name of the API server resolves here, then what blocks the path to it: authorized IP ranges, "
        "private endpoint, firewall",
        by_network=True,
    ),
}

_OTHER = ApiServerRefusal("returned an unexpected answer", "Check the health of the cluster's control plane in Azure")

_BY_BARRIER: Mapping[Barrier, str] = {
    Barrier.DNS: "Compare the server's name in the kubeconfig (`kubectl config view --minify`) with the cluster's; that of a "
    "private cluster resolves only in networks linked to its private DNS zone (VPN, jump host)",
    Barrier.REFUSED: "Compare the server's address and port in the kubeconfig (`kubectl config view --minify`) with the "
    "cluster's, and check that the cluster runs: `az aks show --query powerState.code`",
    Barrier.TLS: "Renew the kubeconfig with `az aks get-credentials --overwrite-existing`; for a proxy that inspects TLS, set "
    "NO_PROXY, or add its certificate authority to certificate-authority-data",
    Barrier.PROXY: "Correct HTTPS_PROXY (407: with the user and the password of the proxy), or exclude the API server with "
    "NO_PROXY",
}


def refusal_of(gap: Gap) -> ApiServerRefusal:
    """The meaning of a failed read of the version."""
    found = _BY_STATUS.get(gap.status, _OTHER)
    if gap.barrier is None:
        return found
    # The message of a failed connection is a sentence about the server.
    meaning = f"cannot be reached: {gap.message}"
    return replace(found, meaning=meaning, fix=barrier_fix(gap.barrier) or found.fix)


def barrier_fix(barrier: Barrier | None) -> str:
    """The fix for a connection to the API server that failed at this step.

    "" if it does not depend on the step.
    """
    return _BY_BARRIER.get(barrier, "") if barrier is not None else ""
