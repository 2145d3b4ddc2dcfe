"""The hops of egress traffic from a workload to the internet.

Each stage of checks names the hops that it checks.
"""

from typing import Literal, get_args

from checks.model.findings import Stage

EgressHop = Literal["workload", "sidecar", "egress gateway", "static egress", "node pool", "internet"]

EGRESS_PATH: tuple[EgressHop, ...] = get_args(EgressHop)
"""Every hop, in the order in which a request takes them."""

HOP_OF_STAGE: dict[Stage, EgressHop] = {
    Stage.PREREQUISITES: "egress gateway",
    Stage.NETWORK: "static egress",
    Stage.PROVISIONING: "egress gateway",
    Stage.STATIC_GATEWAY: "static egress",
    Stage.ISTIO: "sidecar",
}
"""The hop of a stage's checks; a check about another hop declares it."""
