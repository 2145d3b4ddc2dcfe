"""What the API server's refusal means, by the status of `GET /version` (domain.md 4.5)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """How the API server did not answer: what that means, and what usually mends it."""

    meaning: str
    fix: str
    by_network: bool = False
    """Whether the network between here and there is the likely reason, so that private access and address lists matter."""


REFUSALS = {
    401: Refusal(
        "does not accept the token of this diagnosis (401)",
        "Renew the credential that the diagnosis signs in with; on an Entra cluster the token must be for the AKS server "
        "application 6dae42f8-4368-4678-94ff-3960e28e3630",
    ),
    403: Refusal(
        "knows the identity of this diagnosis but allows it nothing (403)",
        "Bind the ClusterRole that `egress-diag checks --permissions` prints to that identity",
    ),
    504: Refusal(
        "did not answer in time",
        "Find out what lies between here and the API server: address list, private endpoint, firewall",
        by_network=True,
    ),
    0: Refusal(
        "could not be connected to",
        "Find out whether its name resolves here and what lies in between: address list, private endpoint, firewall",
        by_network=True,
    ),
}

OTHER = Refusal("gave no proper answer", "Look at the health of the cluster's control plane in Azure")


def refusal(status: int) -> Refusal:
    """What this status means; unknown ones are shown with the reply."""
    return REFUSALS.get(status, OTHER)
