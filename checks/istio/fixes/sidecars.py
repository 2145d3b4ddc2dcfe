"""Changes of Sidecars that import more."""

from collections.abc import Iterator, Sequence
from copy import deepcopy

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectChange
from checks.facts.istio_networking import Sidecar
from checks.istio.fixes.fields import appended, networking_manifest
from checks.istio.mesh.objects.hosts import is_subset
from checks.model.raw_values import Raw, mapping, number, texts

_EXCLUDES = "~"


def importing(
    sidecar: Sidecar, entry: str, port: int, clients: Sequence[str]
) -> Iterator[tuple[str, tuple[ObjectChange, ...]]]:
    """(title, changes) of each fix by which these namespaces import a `namespace/host`.

    A Sidecar of the root namespace applies to the whole mesh: it stays, and the namespaces get a copy that imports more.
    """
    added = _with_entry(sidecar, entry, port)
    if sidecar.namespace not in clients:
        spec = mapping(added.applied(sidecar.raw), "spec")
        copies = (Apply(networking_manifest("Sidecar", sidecar.name, each, deepcopy(dict(spec)))) for each in clients)
        yield f"Add {entry} to a Sidecar of the clients' namespace", tuple(copies)
    yield f"Add {entry} to {sidecar.ref}", (added,)
    namespace, _, host = entry.partition("/")
    excluding = [each for each in _written(sidecar) if _is_excluded(each, namespace, host)]
    if excluding:
        title = f"Remove {', '.join(excluding)} from {sidecar.ref}"
        changed = MergePatch(sidecar, {"spec": {"egress": [_without(each, excluding) for each in sidecar.egress]}})
        yield title, (changed,)


def _with_entry(sidecar: Sidecar, entry: str, port: int) -> JsonPatch:
    """The Sidecar with one more entry.

    The entry is added to the listener of the port, or else to the one for all ports.
    """
    numbers = [number(each, "port", "number") for each in sidecar.egress]
    for wanted in (port, None):
        if wanted in numbers:
            return appended(sidecar, f"spec.egress[{numbers.index(wanted)}].hosts", entry)
    return appended(sidecar, "spec.egress", {"hosts": [entry]})


def _is_excluded(written: str, namespace: str, host: str) -> bool:
    """Whether an entry such as `~namespace/*` or `~*/host` excludes a host of a namespace."""
    excluded, _, name = written.removeprefix(_EXCLUDES).partition("/")
    matches = excluded in ("*", namespace) and (name == "*" or is_subset(host, name.lower()))
    return written.startswith(_EXCLUDES) and matches


def _without(egress: Raw, excluding: list[str]) -> dict[str, object]:
    return {**egress, "hosts": [each for each in texts(egress, "hosts") if each not in excluding]}


def _written(sidecar: Sidecar) -> Iterator[str]:
    yield from dict.fromkeys(host for each in sidecar.egress for host in texts(each, "hosts"))


def written_imports(sidecar: Sidecar) -> str:
    """The hosts that a Sidecar imports, in one line."""
    return ", ".join(_written(sidecar))
