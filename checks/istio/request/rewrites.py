"""A request as a route forwards it: rewrites of authority, path and headers.

Source: Istio `HTTPRewrite` and `Headers`."""

from dataclasses import replace

from checks.istio.proxy.routes import HttpRoute
from checks.istio.request.wire import Http
from checks.model.raw_values import Raw, mapping, text, texts


def rewritten(request: Http, route: HttpRoute, destination: Raw, *, single: bool) -> Http:
    """The request as it leaves the proxy."""
    raw: Raw = route.rule.raw if route.rule is not None else {}
    authority = ""
    headers = dict(request.headers)
    for part in (raw, destination):
        operations = mapping(part, "headers", "request")
        for name in texts(operations, "remove"):
            headers.pop(name.lower(), None)
        for kind in ("set", "add"):
            for name, value in mapping(operations, kind).items():
                if name.lower() in ("host", ":authority"):
                    if kind == "set" and (part is raw or not authority or not single):
                        authority = str(value)
                    continue
                present = headers.get(name.lower())
                headers[name.lower()] = f"{present},{value}" if kind == "add" and present is not None else str(value)
    rewrite = mapping(raw, "rewrite")
    authority = text(rewrite, "authority") or authority
    path = request.path
    if text(rewrite, "uri"):
        path = _path(path, route.match, text(rewrite, "uri"))
    return replace(request, authority=authority or request.authority, path=path, headers=headers)


def _path(path: str, match: Raw | None, uri: str) -> str:
    bare, mark, query = path.partition("?")
    prefix = text(match or {}, "uri", "prefix")
    if text(match or {}, "uri", "exact"):
        return uri + mark + query
    matched = prefix or "/"
    return uri + bare[len(matched) :] + mark + query
