"""Changes of Sidecars that import more."""

from checks.facts.changes import JsonPatch
from checks.facts.istio_networking import Sidecar
from checks.istio.fixes.fields import appended
from checks.model.raw_values import number, texts


def importing(sidecar: Sidecar, entry: str, port: int) -> JsonPatch:
    """The Sidecar with one more imported `namespace/host`.

    The host is added to the listener of the port, or else to the one for all ports.
    """
    numbers = [number(each, "port", "number") for each in sidecar.egress]
    for wanted in (port, None):
        if wanted in numbers:
            return appended(sidecar, f"spec.egress[{numbers.index(wanted)}].hosts", entry)
    return appended(sidecar, "spec.egress", {"hosts": [entry]})


def written_imports(sidecar: Sidecar) -> str:
    """The hosts that a Sidecar imports, in one line."""
    return ", ".join(dict.fromkeys(host for each in sidecar.egress for host in texts(each, "hosts")))
