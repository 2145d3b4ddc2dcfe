"""The answers of istioctl's analyzers, runtime objects included.

Istio's own library is called, as `istioctl analyze --all-namespaces --istioNamespace aks-istio-system` of the same release,
with the mesh configuration of the gateway's revision. In file mode istioctl leaves out Pods, Services, Deployments, Secrets
and Namespaces, which would be unfair. Errors and warnings are statements; remarks of level Info are not. A message names a
cause also by the object that it is about.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import yaml

from tests.accuracy.opened import Opened
from tests.accuracy.scoring import Diagnosed, Statement, Step
from tests.istiod.asking import ROOT, mesh_configuration
from tests.istiod.go_program import GoProgram, LineProcess

PROGRAM = GoProgram("istioctl-analyzers", Path(__file__).parent / "analyzers")
MEANS: Mapping[str, tuple[str, ...]] = {
    "IST0102": ("client-not-injected",),
    "IST0103": ("client-not-injected",),
    "IST0104": ("gateway-server-unreachable", "gateway-selector-mismatch"),
    "IST0109": ("virtual-service-route-broken",),
    "IST0112": ("virtual-service-route-broken",),
    "IST0132": ("virtual-service-route-broken",),
    "IST0134": ("tcp-destinations-collide",),
    "IST0139": ("admission-webhook-blocks",),
    "IST0145": ("gateway-server-unreachable", "tcp-destinations-collide"),
    "IST0162": ("gateway-server-unreachable",),
}
"""The checks that mean the same as a message, by its code.

Those of IST0101 depend on what is missing.
"""

_REFERENCED = {
    "selector": ("gateway-selector-mismatch",),
    "gateway": ("virtual-service-route-broken",),
    "credentialName": ("credential-secret-missing",),
    "host": ("service-entry-missing", "virtual-service-route-broken"),
    "host:port": ("virtual-service-route-broken",),
    "host+subset in destinationrule": ("virtual-service-route-broken",),
}
_KINDS = {"IstioGateway": "Gateway", "KubernetesGateway": "Gateway"}


class Analyzers:
    """The running Go program."""

    def __enter__(self) -> Self:
        self._process = LineProcess(PROGRAM.build())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.close()

    def ask(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The messages about one cluster. Raises RuntimeError if the program ended."""
        return self._process.ask(wanted)

    def diagnose(self, found: Opened) -> Diagnosed:
        """The messages as a diagnosis, each code of an object once."""
        answered = self.ask(request(found))
        if answered.get("error"):
            return Diagnosed("inconclusive", (), error=str(answered["error"]))
        statements: dict[tuple[str, str], Statement] = {}
        levels = set()
        for message in answered["messages"]:
            if message["level"] in ("Error", "Warning"):
                levels.add(message["level"])
                statements.setdefault((message["code"], _object(message)), _statement(message))
        verdict = "broken" if "Error" in levels else "degraded" if levels else "healthy"
        return Diagnosed(verdict, tuple(statements.values()))


def request(found: Opened) -> dict[str, Any]:
    """The request for the program about an incident."""
    return manifests_request(found.answer.name, found.cluster.objects)


def manifests_request(name: str, objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The objects and the mesh configuration of the newest revision, for the program."""
    meshes = mesh_configuration(map(dict, objects))
    merged: dict[str, Any] = {}
    for text in meshes[max(meshes)] if meshes else ():
        merged.update(yaml.safe_load(text) or {})
    return {
        "id": name,
        "root": ROOT,
        "mesh": yaml.safe_dump(merged),
        "manifests": "\n---\n".join(orjson.dumps(each).decode() for each in objects),
    }


def _object(message: Mapping[str, str]) -> str:
    kind = _KINDS.get(message["kind"], message["kind"])
    return f"{kind} {message['namespace']}/{message['name']}" if message["namespace"] else f"{kind} {message['name']}"


def _statement(message: Mapping[str, str]) -> Statement:
    slugs = MEANS.get(message["code"], ())
    if message["code"] == "IST0101":
        missing = message["text"].partition("Referenced ")[2].partition(" not found")[0]
        slugs = _REFERENCED.get(missing, ())
    text = f"{message['level']} [{message['code']}] ({_object(message)}) {message['text']}"
    return Statement(slugs, (_object(message),), text, (Step(text),))
