"""The hops of one request, with the object and field behind each decision of a proxy.

A hop that the request passed is described by the proxy's configuration; the hop at which it fails or bypasses the
gateway is described by its fault (checks/istio/faults), or by the proxy's decision if no fault explains it.
"""

from collections.abc import Iterator, Mapping

from checks.istio.request.outcome import Result
from checks.istio.trace.client_hops import describe_client, describe_mesh_route, describe_sidecar
from checks.istio.trace.gateway_hops import describe_entry, describe_gateway_route, describe_server, describe_service
from checks.istio.trace.request_view import RequestView, decisions_of
from checks.model.route import Decision, Hop, HopName, Mark


def passed_hops(view: RequestView) -> Iterator[Hop]:
    """The hops up to the broken one, or to the destination in the mesh."""
    order, stop = list(HopName), view.broken_at
    last = order.index(stop) if stop is not None else len(order)
    for name, describe in _DESCRIPTIONS.items():
        if order.index(name) < last and (hop := describe(view)) is not None:
            yield hop


def broken_hop(view: RequestView, codes: Mapping[str, str]) -> Hop | None:
    """The hop at which the request fails or bypasses the gateway.

    `codes` are the checks' codes by slug.
    """
    name = view.broken_at
    if name is None:
        return None
    mark = Mark.LEAVES if view.end.result is Result.BYPASSES else Mark.BREAKS
    fault = view.first_fault
    if fault is None:
        return Hop(name, mark, view.end.reason or "the request bypasses the gateway", decisions_of(view.end.steps[-1:]))
    shown = tuple(
        Decision(each.resource, each.field, each.observed, _wanted(each.expected)) for each in fault.evidence()
    )
    return Hop(name, mark, fault.sentence(), shown, (), (), fault.name, codes.get(fault.check, ""))


def _wanted(expected: str) -> str:
    return f"expected: {expected}" if expected else ""


_DESCRIPTIONS = {
    HopName.CLIENT: describe_client,
    HopName.SIDECAR: describe_sidecar,
    HopName.MESH_ROUTE: describe_mesh_route,
    HopName.SERVICE: describe_service,
    HopName.SERVER: describe_server,
    HopName.GATEWAY_ROUTE: describe_gateway_route,
    HopName.ENTRY: describe_entry,
}
