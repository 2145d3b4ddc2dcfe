"""Azure's provisioning states.

The module also has the words by which a provisioning error concerns the mesh.
"""

from dataclasses import dataclass

TERMINAL_BADLY = frozenset({"failed", "canceled"})
"""States after an operation that did not succeed.

Every other state except `Succeeded` is a running operation (docs/domain/azure.md#classifiers).
"""

STOPPED = "stopped"
"""`powerState.code` of a cluster or pool that runs no nodes."""


@dataclass(frozen=True, slots=True)
class ErrorSubject:
    """A part of the cluster that a provisioning error may concern.

    It does if the error contains one of `words` (lower case).
    """

    words: tuple[str, ...]
    name: str


_SUBJECTS = (
    ErrorSubject(("servicemesh", "service mesh", "istio", "asm-"), "the service mesh"),
    ErrorSubject(("egress", "gateway"), "the egress gateway"),
)
"""Source: docs/domain/decision-tables.md#cluster-not-running."""


def error_subject(error: str) -> ErrorSubject | None:
    """The service mesh or the egress gateway, if the error concerns one of them."""
    low = error.lower()
    return next((each for each in _SUBJECTS if any(word in low for word in each.words)), None)
