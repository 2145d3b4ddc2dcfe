"""The meaning of a failed `GET /version` of the API server, by HTTP status.

Source: docs/domain/azure.md#api-server-authentication.
"""

from dataclasses import dataclass


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
        "Renew the credential of the diagnosis; on a cluster with Entra ID its token must be for the AKS server "
        "application 6dae42f8-4368-4678-94ff-3960e28e3630",
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


def refusal_of(status: int) -> ApiServerRefusal:
    """The meaning of a status; 0 is a failed connection."""
    return _BY_STATUS.get(status, _OTHER)
