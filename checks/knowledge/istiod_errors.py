"""Why istiod exits, by the last error of its log.

Sources: docs/domain/istio.md#istiod-other-lines; Istio `pilot/cmd/pilot-discovery`, `pilot/pkg/bootstrap` and
`security/pkg/pki/ca`.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from checks.facts.logs import Line, LogText


class ExitFix(Enum):
    """The kind of step that ends an exit."""

    RECONCILE = auto()
    """AKS restores the roles and objects of the add-on."""
    CERTIFICATES = auto()
    MESH_CONFIGURATION = auto()
    API_SERVER = auto()


@dataclass(frozen=True, slots=True)
class IstiodExit:
    """An error, its meaning (after "the container exits repeatedly: "), and its fix."""

    pattern: re.Pattern[str]
    meaning: str
    fix: ExitFix


def _row(pattern: str, meaning: str, fix: ExitFix) -> IstiodExit:
    return IstiodExit(re.compile(pattern, re.IGNORECASE), meaning, fix)


_EXITS = (
    _row(
        r'is forbidden: User "system:serviceaccount:aks-istio-system:',
        "its service account lacks rights that the add-on grants",
        ExitFix.RECONCILE,
    ),
    _row(r"certificate has expired or is not yet valid", "its CA certificate is not valid now", ExitFix.CERTIFICATES),
    _row(
        r"failed to create (?:an istiod CA|a self-signed istiod CA|CA\b)|failed to verify the cert|certificate does not match",
        "it cannot use its CA certificate and key",
        ExitFix.CERTIFICATES,
    ),
    _row(
        r"https://[\w.\[\]:-]+/\S*.*(?:i/o timeout|connection refused|no route to host|deadline exceeded)",
        "it does not reach the API server",
        ExitFix.API_SERVER,
    ),
    _row(
        r"(?:yaml|json|proto): .*mesh|mesh ?config", "it cannot read the mesh configuration", ExitFix.MESH_CONFIGURATION
    ),
)

_LAST_LINES = 20
_ERROR = re.compile(r"^(?:Error: |panic: |fatal error: )|^(?:error|fatal)\b", re.IGNORECASE)


def exit_errors(log: LogText) -> tuple[Line, ...]:
    """The errors among the last lines of a container's log, oldest first."""
    return tuple(each for each in log.lines[-_LAST_LINES:] if _ERROR.search(each.message))


def istiod_exit(errors: tuple[Line, ...]) -> tuple[IstiodExit | None, Line]:
    """The known exit with its error, otherwise None and the last error. Requires an error."""
    for row in _EXITS:
        for line in reversed(errors):
            if row.pattern.search(line.message):
                return row, line
    return None, errors[-1]
