"""The defaults that the API server fills into Gateway API objects.

Istiod and the product read objects that have them.
"""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

_GROUP = "gateway.networking.k8s.io"
_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
_PATH = {"type": "PathPrefix", "value": "/"}


def defaulted(manifest: Json) -> Json:
    """The object as the API server stores it; the same object if its kind has no defaults here."""
    if manifest["apiVersion"].partition("/")[0] != _GROUP or "spec" not in manifest:
        return manifest
    stored = copy.deepcopy(manifest)
    spec = stored["spec"]
    if stored["kind"] in _ROUTES:
        for parent in spec.get("parentRefs") or ():
            _set(parent, group=_GROUP, kind="Gateway")
        for rule in spec.get("rules") or ():
            _rule(stored["kind"], rule)
    elif stored["kind"] in ("Gateway", "ListenerSet"):
        for listener in spec.get("listeners") or ():
            _listener(listener)
        for address in spec.get("addresses") or ():
            _set(address, type="IPAddress")
    return stored


def _rule(kind: str, rule: Json) -> None:
    for backend in rule.get("backendRefs") or ():
        _set(backend, group="", kind="Service", weight=1)
    if kind != "HTTPRoute":
        return
    for match in rule.setdefault("matches", [{}]):
        _set(match.setdefault("path", {}), **_PATH)
        for condition in [*(match.get("headers") or ()), *(match.get("queryParams") or ())]:
            _set(condition, type="Exact")
    for each in rule.get("filters") or ():
        if "requestRedirect" in each:
            _set(each["requestRedirect"], statusCode=302)


def _listener(listener: Json) -> None:
    routes = listener.setdefault("allowedRoutes", {})
    _set(routes.setdefault("namespaces", {}), **{"from": "Same"})
    if "tls" in listener:
        _set(listener["tls"], mode="Terminate")


def _set(fields: Json, **defaults: object) -> None:
    for key, value in defaults.items():
        fields.setdefault(key, copy.deepcopy(value))
