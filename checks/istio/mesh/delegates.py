"""Delegates: rules of VirtualServices without hosts, merged into the rules that name them.

Source: Istio `mergeHTTPRoute` and `hasConflict` in `pilot/pkg/model/virtualservice.go`."""

from collections.abc import Mapping, Sequence
from typing import Any

from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.model.raw_values import Raw, mapping, number, text, texts

_INHERITED = ("rewrite", "directResponse", "fault", "headers", "timeout", "retries", "mirror", "mirrors")


def merged_rule(root: RoutingRule, delegate: RoutingRule) -> RoutingRule | None:
    """A delegate's rule under a root's; None if their match blocks exclude each other."""
    roots = [{**each, "gateways": list(root.gateways(each))} for each in root.matches()]
    leaves = [{**each, "gateways": list(delegate.gateways(each))} for each in delegate.matches()]
    merged: Sequence[Mapping[str, Any]] = leaves or roots
    if roots and leaves:
        found = []
        for leaf in leaves:
            fitting = [_merged_match(each, leaf) for each in roots if not _conflict(each, leaf)]
            if not fitting:
                return None
            found += fitting
        merged = found
    inherited = {key: root.raw[key] for key in _INHERITED if key in root.raw and key not in delegate.raw}
    return RoutingRule(
        {**inherited, **delegate.raw, "match": list(merged)}, delegate.field, delegate.source, delegate.namespace
    )


_STRINGS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams", "sourceLabels")


def _merged_match(root: Raw, leaf: Raw) -> Mapping[str, Any]:
    maps = {key: {**mapping(root, key), **mapping(leaf, key)} for key in _MAPS if key in root or key in leaf}
    plain = {key: value for key, value in root.items() if key not in _MAPS and not leaf.get(key)}
    return {**leaf, **plain, **maps}


def _conflict(root: Raw, leaf: Raw) -> bool:
    pairs = [(root.get(key), leaf.get(key)) for key in _STRINGS]
    for key in _MAPS[:3]:
        pairs += [(mapping(root, key).get(name), value) for name, value in mapping(leaf, key).items()]
    if any(_strings_conflict(one, other) for one, other in pairs):
        return True
    if bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase")):
        return True
    ports = {number(root, "port") or 0, number(leaf, "port") or 0} - {0}
    namespace = text(root, "sourceNamespace")
    labels_, gateways = mapping(root, "sourceLabels"), texts(root, "gateways")
    return (
        len(ports) > 1
        or bool(namespace and text(leaf, "sourceNamespace") != namespace)
        or any(key in labels_ and labels_[key] != value for key, value in mapping(leaf, "sourceLabels").items())
        or bool(gateways and set(texts(leaf, "gateways")) - set(gateways))
    )


def _strings_conflict(root: object, leaf: object) -> bool:
    """Whether the leaf's condition is not within the root's."""
    if root is None or leaf is None:
        return False
    one = {key: text(root, key) for key in ("exact", "prefix", "regex") if text(root, key)}
    other = {key: text(leaf, key) for key in ("exact", "prefix", "regex") if text(leaf, key)}
    if "regex" in one or "regex" in other:
        return bool(one and other)
    if "exact" in one:
        return "prefix" in other or other.get("exact") != one["exact"]
    if "prefix" in one:
        value = other.get("prefix") or other.get("exact")
        return value is None or not value.startswith(one["prefix"])
    return True
