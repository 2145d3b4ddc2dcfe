"""Asks istiod's own code what it configures the proxies of a mesh with.

The code is called by the Go program beside this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.istiod.certified import certified
from tests.istiod.defaults import defaulted
from tests.istiod.go_program import GoProgram, LineProcess

Json = dict[str, Any]

HERE = Path(__file__).parent
JUDGE = GoProgram("istiod-judge", HERE / "program")
ROOT = "aks-istio-system"

# The kinds that istiod reads; everything else of a cluster stays out of a request.
_KUBERNETES = ("Namespace", "Service", "EndpointSlice", "Pod", "Node", "Secret", "ServiceAccount", "ConfigMap")
_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy whose configuration is wanted; pods that cannot differ share one."""

    name: str  # namespace/pod
    kind: str  # sidecar or router
    revision: str
    namespace: str
    labels: Mapping[str, str]
    account: str
    pod: Json

    @property
    def address(self) -> str:
        """The pod's IP address."""
        return str(self.pod.get("status", {}).get("podIP", ""))

    def wanted(self) -> Json:
        """The proxy as the Go program reads it."""
        return {
            "name": self.name,
            "type": self.kind,
            "revision": self.revision,
            "namespace": self.namespace,
            "pod": self.pod["metadata"]["name"],
            "ip": self.address or "10.244.255.1",
            "labels": dict(self.labels),
            "version": "1.31.0",
            "account": self.account,
            "metadata": _metadata(self.pod),
        }


def build() -> Path:
    """The Go program, built if this version of it is not there. Raises RuntimeError without Go."""
    return JUDGE.build()


def proxy(pod: Json) -> Proxy | None:
    """The proxy in a pod; None where it has none."""
    containers = [*pod["spec"].get("containers", ()), *pod["spec"].get("initContainers", ())]
    args = next((each.get("args", []) for each in containers if each.get("name") == "istio-proxy"), None)
    if args is None:
        return None
    meta = pod["metadata"]
    labels = meta.get("labels", {})
    revision = labels.get("istio.io/rev") or meta.get("annotations", {}).get("istio.io/rev") or ""
    kind = "router" if "router" in args else "sidecar"
    account = pod["spec"].get("serviceAccountName", "default")
    return Proxy(f"{meta['namespace']}/{meta['name']}", kind, revision, meta["namespace"], labels, account, pod)


def _metadata(pod: Json) -> Json:
    containers = [*pod["spec"].get("containers", ()), *pod["spec"].get("initContainers", ())]
    env: list[Json] = next((each.get("env", []) for each in containers if each.get("name") == "istio-proxy"), [])
    named = {each["name"]: each.get("value") for each in env}
    found: Json = {
        name.removeprefix("ISTIO_META_"): value
        for name, value in named.items()
        if name.startswith("ISTIO_META_") and value
    }
    found.pop("CLUSTER_ID", None)
    return found


def request(
    identity: str, objects: Iterable[Json], proxies: Sequence[Proxy], revisions: Mapping[str, Sequence[str]]
) -> Json:
    """The request for a mesh.

    It contains the objects as istiod reads them, and the proxies whose configuration is wanted.
    """
    kept = []
    for each in objects:
        group = each["apiVersion"].partition("/")[0] if "/" in each["apiVersion"] else ""
        if group in _GROUPS or each["kind"] in _KUBERNETES:
            kept.append(certified(each) if each["kind"] == "Secret" else defaulted(each))
    used = {each.revision for each in proxies}
    return {
        "id": identity,
        "root": ROOT,
        "revisions": {name: list(revisions.get(name, ())) for name in sorted(used)},
        "objects": kept,
        "proxies": [each.wanted() for each in proxies],
    }


def mesh_configuration(objects: Iterable[Json]) -> dict[str, list[str]]:
    """The `mesh` keys of each revision's ConfigMaps.

    The shared ConfigMap comes first; the later one wins.
    """
    keys: dict[str, list[tuple[bool, str]]] = {}
    for each in objects:
        if each["kind"] != "ConfigMap" or each["metadata"].get("namespace") != ROOT:
            continue
        name, text = each["metadata"]["name"], each.get("data", {}).get("mesh")
        shared = name.startswith("istio-shared-configmap-")
        if text is None or not (shared or name.startswith("istio-")):
            continue
        revision = name.removeprefix("istio-shared-configmap-") if shared else name.removeprefix("istio-")
        keys.setdefault(revision, []).append((not shared, text))
    return {revision: [text for _, text in sorted(found)] for revision, found in keys.items()}


class Program:
    """The running Go program; `built`: one that was built against another version of istiod."""

    def __init__(self, built: Path | None = None) -> None:
        self._process = LineProcess(built or build())

    def ask(self, wanted: Json) -> Json:
        """The answer to one request; if istiod's code panics, an answer with the error."""
        try:
            return self._process.ask(wanted)
        except RuntimeError as panic:
            error = f"istiod's code ended: {panic}"
            return {"id": wanted["id"], "error": error, "proxies": {}, "unread": [], "invalid": []}

    def close(self) -> None:
        """Ends the program."""
        self._process.close()
