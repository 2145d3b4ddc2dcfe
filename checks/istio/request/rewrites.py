"""A request as a route forwards it: rewrites of authority, path and headers.

Source: Istio `HTTPRewrite` and `Headers`."""

import re

from checks.istio.proxy.routes import HttpRoute
from checks.istio.request.matching import NotModelled
from checks.istio.request.wire import Http
from checks.model.raw_values import Raw, at, mapping, text, texts


def rewritten(request: Http, route: HttpRoute, destination: Raw, *, single: bool) -> Http:
    """The request as it leaves the proxy."""
    raw: Raw = route.rule.raw if route.rule is not None else {}
    if "rewrite" not in raw and "headers" not in raw and "headers" not in destination:
        return request
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
    path = _path(request.path, route, rewrite)
    return Http(authority or request.authority, request.method, path, headers, request.scheme, request.http2)


def _path(path: str, route: HttpRoute, rewrite: Raw) -> str:
    """The path as the proxy forwards it. A query stays."""
    bare, mark, query = path.partition("?")
    match, uri = route.match or {}, text(rewrite, "uri")
    separated = text(match, "uri", "pathSeparatedPrefix").removesuffix("/")
    if at(rewrite, "uriRegexRewrite") is not None:
        bare = _substituted(bare, mapping(rewrite, "uriRegexRewrite"))
    elif uri == "/" and route.rule is not None and route.rule.gateway_api:
        bare = "/" + bare.removeprefix(separated).removeprefix("/")
    elif uri and text(match, "uri", "exact"):
        bare = uri
    elif uri:
        bare = uri + bare[len(separated or text(match, "uri", "prefix") or "/") :]
    return bare + mark + query


def _substituted(path: str, rewrite: Raw) -> str:
    try:
        return re.sub(text(rewrite, "match"), text(rewrite, "rewrite"), path)
    except (re.error, IndexError) as wrong:
        raise NotModelled(f"regular expression {text(rewrite, 'match')}") from wrong
