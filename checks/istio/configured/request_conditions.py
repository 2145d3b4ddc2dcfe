"""Requests that meet the conditions of match blocks.

A value is an example of its condition; the router's own matcher confirms every request.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import quote

from checks.istio.request.client_request import ClientRequest
from checks.istio.request.matching import NotModelled, route_matches
from checks.istio.request.regular_expressions import matching_texts
from checks.istio.request.wire import Http
from checks.model.raw_values import Raw, mapping, text

CONDITIONS = ("uri", "method", "authority", "scheme", "headers", "withoutHeaders", "queryParams")
"""The fields of a match block that are conditions on the HTTP request itself."""
_PRESENT = "x"
"""The value of a header or parameter that only has to be present."""
_MOST = 3


def conditions_of(block: Raw) -> Raw:
    """The conditions of a match block on the HTTP request."""
    return {key: block[key] for key in CONDITIONS if block.get(key) is not None}


def meeting(blocks: Sequence[Raw], request: ClientRequest) -> tuple[ClientRequest, ...]:
    """A few requests like this one that meet all conditions; empty if none is found."""
    return tuple(islice((each for each in _candidates(blocks, request) if meets(blocks, each)), _MOST))


def meets(blocks: Iterable[Raw], request: ClientRequest) -> bool:
    """Whether a request meets all conditions of these match blocks."""
    sent = request.connection.outermost
    try:
        return isinstance(sent, Http) and all(route_matches(each, sent) for each in blocks)
    except NotModelled:
        return False


def has_expression(blocks: Iterable[Raw]) -> bool:
    """Whether a condition is a regular expression."""
    return any(bool(text(each, "regex")) for block in blocks for each in _strings(block))


def _strings(block: Raw) -> Iterator[Raw]:
    for key in CONDITIONS:
        each = mapping(block, key)
        yield from (mapping(each, name) for name in each) if key in ("headers", "queryParams") else (each,)


def _candidates(blocks: Sequence[Raw], request: ClientRequest) -> Iterator[ClientRequest]:
    headers = tuple(_examples(blocks, "headers").items())
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in _examples(blocks, "queryParams").items())
    methods = [*accepted_texts(each for block in blocks if (each := mapping(block, "method")))]
    path = request.path + (f"?{query}" if query else "")
    yield replace(request, headers=headers, path=path)
    for method in (*methods, request.method):
        for uri in (request.path, *_paths(blocks)):
            yield replace(request, method=method, path=f"{uri}?{query}" if query else uri, headers=headers)


def _paths(blocks: Iterable[Raw]) -> Iterator[str]:
    """Paths for the conditions of each block; a path begins with a slash."""
    for value in accepted_texts(mapping(block, "uri") for block in blocks):
        yield value if value.startswith("/") else f"/{value}"


def _examples(blocks: Iterable[Raw], key: str) -> dict[str, str]:
    """A value of each header or parameter that meets as many conditions as possible."""
    wanted: dict[str, list[Raw]] = {}
    for block in blocks:
        for name in mapping(block, key):
            wanted.setdefault(name, []).append(mapping(block, key, name))
    return {name: _common(name, conditions) for name, conditions in wanted.items()}


def _common(name: str, conditions: Sequence[Raw]) -> str:
    """The first example of one condition that meets all of them."""
    values = list(accepted_texts(conditions)) or [_PRESENT]
    probes = ((each, Http("", headers={name.lower(): each})) for each in values)
    blocks = [{"headers": {name: each}} for each in conditions]
    try:
        return next((value for value, probe in probes if all(route_matches(each, probe) for each in blocks)), values[0])
    except NotModelled:
        return values[0]


def accepted_texts(conditions: Iterable[Raw]) -> Iterator[str]:
    """Texts that single conditions accept."""
    for each in conditions:
        for key in ("exact", "prefix", "pathSeparatedPrefix"):
            if text(each, key):
                yield text(each, key)
        if text(each, "regex") not in ("", "*"):
            yield from matching_texts(text(each, "regex"))
