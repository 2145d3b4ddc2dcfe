"""HTTP match blocks of VirtualServices against a request.

They are evaluated as Envoy evaluates the matchers that istiod makes of them.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from checks.istio.request.regular_expressions import compiled
from checks.istio.request.wire import Http
from checks.model.raw_values import Raw, flag, mapping, text


class NotModelled(Exception):
    """A part of the configuration whose effect is not known; the text names it."""


def route_matches(match: Raw | None, request: Http) -> bool:
    """Whether a match block's conditions on the request hold. Raises NotModelled."""
    if not match:
        return True
    path = request.path.partition("?")[0].partition("#")[0]
    folded = flag(match, "ignoreUriCase") is True
    headers = {
        **request.headers,
        ":path": request.path,
        ":method": request.method,
        ":authority": request.authority,
        ":scheme": request.scheme,
    }
    conditions = [("uri", path, folded), ("method", request.method, False), ("authority", request.authority, False)]
    for key, value, fold in conditions:
        if match.get(key) is not None and not _string(mapping(match, key), value, fold):
            return False
    if match.get("scheme") is not None and not _string(
        mapping(match, "scheme"), request.headers.get("x-forwarded-proto", request.scheme), False
    ):
        return False
    for name, wanted in mapping(match, "headers").items():
        if not _header(name, wanted, headers):
            return False
    for name, wanted in mapping(match, "withoutHeaders").items():
        if _header(name, wanted, headers, missing=""):
            return False
    query = dict(reversed(parse_qsl(request.path.partition("?")[2], keep_blank_values=True)))
    return all(
        name in query and _string(_condition(wanted), query[name], False)
        for name, wanted in mapping(match, "queryParams").items()
    )


def _condition(wanted: object) -> Raw:
    return wanted if isinstance(wanted, Mapping) else {}


def _header(name: str, wanted: object, headers: Mapping[str, str], missing: str | None = None) -> bool:
    if name.startswith("@request.auth"):
        raise NotModelled(f"match on {name}")
    condition = _condition(wanted)
    value = headers.get(name.lower())
    if not any(text(condition, key) for key in ("exact", "prefix", "regex")) or text(condition, "regex") == "*":
        return value is not None
    if value is None:
        if missing is None:
            return False
        value = missing
    return _string(condition, value, False)


def _string(condition: Raw, value: str, fold: bool) -> bool:
    if fold:
        value = value.lower()
    if wanted := text(condition, "pathSeparatedPrefix").removesuffix("/"):
        return value == wanted or value.startswith(wanted + "/")
    for key in ("exact", "prefix", "regex"):
        if key not in condition:
            continue
        wanted = text(condition, key)
        if key == "regex":
            try:
                return compiled(wanted, fold=fold).fullmatch(value) is not None
            except re.error as wrong:
                raise NotModelled(f"regular expression {wanted}") from wrong
        wanted = wanted.lower() if fold else wanted
        return value == wanted if key == "exact" else value.startswith(wanted)
    return True
