"""What Azure's provisioning states mean, and by which words a failed operation is known to be about the mesh."""

from dataclasses import dataclass

TERMINAL_WELL = "succeeded"
TERMINAL_BADLY = frozenset({"failed", "canceled"})
"""States in which the last operation has ended without success; every other state but `Succeeded` is an operation that
runs (domain.md 4.3)."""

STOPPED = "stopped"
"""`powerState.code` of a cluster or pool that runs no nodes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the cluster that an operation was about, known by any of `words` (lower case) in Azure's error."""

    words: tuple[str, ...]
    name: str


PARTS = (
    Part(("servicemesh", "service mesh", "istio", "asm-"), "the service mesh"),
    Part(("egress", "gateway"), "the egress gateway"),
)
"""Domain.md 6.1: an error that names the mesh, egress or a gateway concerns what the run is about."""


def part_of(error: str) -> Part | None:
    """What the error says it is about, where that is the mesh or its gateways."""
    low = error.lower()
    return next((part for part in PARTS if any(word in low for word in part.words)), None)
