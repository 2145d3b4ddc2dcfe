"""Filters of HTTPRoutes and GRPCRoutes as fields of a VirtualService's rule.

Source: Istio `createHeadersFilter`, `createRedirectFilter`, `createRewriteFilter` in `kube/gateway/conversion.go`;
Gateway API, HTTPRouteFilter. Mirrors, CORS and response headers do not decide a route."""

from collections.abc import Iterable
from typing import Any

from checks.istio.mesh.gateway_api.conversion_error import RouteError
from checks.model.raw_values import Raw, at, items, mapping, number, text, texts

_HEADERS = "RequestHeaderModifier"
_WITHOUT_EFFECT = ("ResponseHeaderModifier", "RequestMirror", "CORS")
_HTTP = (_HEADERS, "RequestRedirect", "URLRewrite", *_WITHOUT_EFFECT)
_GRPC = (_HEADERS, "ResponseHeaderModifier", "RequestMirror")
_BACKEND = (_HEADERS, "ResponseHeaderModifier")


def rule_filters(filters: Iterable[Raw], *, grpc: bool) -> dict[str, Any]:
    """The fields of a rule. Raises RouteError for a filter that istiod does not support."""
    found: dict[str, Any] = {}
    for each in filters:
        kind = text(each, "type")
        if kind not in (_GRPC if grpc else _HTTP):
            raise RouteError(f"filter {kind}")
        if kind == _HEADERS:
            found["headers"] = _headers(each)
        elif kind == "RequestRedirect":
            found["redirect"] = _redirect(mapping(each, "requestRedirect"))
        elif kind == "URLRewrite" and (rewrite := _rewrite(mapping(each, "urlRewrite"))):
            found["rewrite"] = rewrite
    return found


def backend_filters(filters: Iterable[Raw]) -> dict[str, Any]:
    """The fields of a destination. Raises RouteError for a filter that istiod does not support."""
    found: dict[str, Any] = {}
    for each in filters:
        if text(each, "type") not in _BACKEND:
            raise RouteError(f"filter {text(each, 'type')} of a backend")
        if text(each, "type") == _HEADERS:
            found["headers"] = _headers(each)
    return found


def _headers(filter_: Raw) -> dict[str, Any]:
    modifier = mapping(filter_, "requestHeaderModifier")
    operations = {
        "set": _values(items(modifier, "set")),
        "add": _values(items(modifier, "add")),
        "remove": list(texts(modifier, "remove")),
    }
    return {"request": {key: value for key, value in operations.items() if value}}


def _values(headers: Iterable[Raw]) -> dict[str, str]:
    """The first value of each name."""
    found: dict[str, str] = {}
    for each in headers:
        value = text(each, "value")
        if any((ord(char) < 0x20 and char != "\t") or ord(char) == 0x7F for char in value):
            raise RouteError(f"value of header {text(each, 'name')}")
        found.setdefault(text(each, "name").lower(), value)
    return found


def _redirect(redirect: Raw) -> dict[str, Any]:
    return {
        "redirectCode": number(redirect, "statusCode") or 302,
        "authority": text(redirect, "hostname"),
        "scheme": text(redirect, "scheme"),
        "port": number(redirect, "port"),
    }


def _rewrite(rewrite: Raw) -> dict[str, Any]:
    found: dict[str, Any] = {}
    path = at(rewrite, "path")
    if text(path, "type") == "ReplacePrefixMatch":
        found["uri"] = text(path, "replacePrefixMatch").removesuffix("/") or "/"
    elif text(path, "type") == "ReplaceFullPath":
        found["uriRegexRewrite"] = {"match": "/.*", "rewrite": text(path, "replaceFullPath")}
    if text(rewrite, "hostname"):
        found["authority"] = text(rewrite, "hostname")
    return found
