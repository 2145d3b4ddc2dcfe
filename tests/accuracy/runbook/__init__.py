"""Microsoft's troubleshooting article, followed literally as a script.

"Troubleshoot egress gateways for the Istio service mesh add-on" (learn.microsoft.com, Azure Kubernetes Service
troubleshooting). Each step reads what its command prints and decides only what its text says; the script is frozen as the
article has it, and is not improved when it misses an incident. Steps that send requests are not carried out unless their
results were recorded. A reader who knows more than the article will find more.
"""

from tests.accuracy.opened import Opened
from tests.accuracy.runbook import istio, provisioning, static_egress
from tests.accuracy.runbook.reading import Reading
from tests.accuracy.scoring import Diagnosed, Statement

_HARMLESS = {"access-log-off", "gateway-api-unmanaged", "cni-mode-unproven"}


def runbook(found: Opened) -> Diagnosed:
    """Every step of the article, in its order."""
    read = Reading(found)
    statements: list[Statement] = []
    for stage in (provisioning, static_egress, istio):
        statements += stage.steps(read)
    return Diagnosed(_verdict(read, statements), tuple(statements))


def _verdict(read: Reading, statements: list[Statement]) -> str:
    if [each for each in statements if not set(each.slugs) & _HARMLESS]:
        return "broken"
    if read.waits:
        return "starting"
    if read.failed:
        return "inconclusive"
    return "degraded" if statements else "healthy"
