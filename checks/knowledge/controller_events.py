"""Event reasons of the static egress gateway's controller, and its current errors.

The events are about StaticGatewayConfigurations.

The controller's log is not available on AKS, so these events are its only output
(docs/domain/operator-messages.md#controller-events).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.facts.events import Event

_CONFIGURATION, _LOAD_BALANCER, _NODES = (
    "staticGatewayConfiguration-controller",
    "gatewayLBConfiguration-controller",
    "gatewayVMConfiguration-controller",
)


@dataclass(frozen=True, slots=True)
class EventReason:
    """One event reason. `ends_errors`: it ends earlier errors of the same controller."""

    name: str
    controller: str
    meaning: str
    is_error: bool = False
    ends_errors: bool = False


EVENT_REASONS: tuple[EventReason, ...] = (
    EventReason("InvalidSpec", _CONFIGURATION, "nothing is reconciled until the spec is edited", is_error=True),
    EventReason(
        "ReconcileError", _CONFIGURATION, "the key's Secret or a child object could not be created", is_error=True
    ),
    # Also written by a reconcile that recorded an error: it ends no error except InvalidSpec.
    EventReason("Reconciling", _CONFIGURATION, "the controller has reconciled it; there is no prefix yet"),
    EventReason("Reconciled", _CONFIGURATION, "the prefix is assigned", ends_errors=True),
    EventReason(
        "ReconcileGatewayLBConfigurationError",
        _LOAD_BALANCER,
        "the load balancer or the node pool failed",
        is_error=True,
    ),
    EventReason(
        "ReconcileGatewayLBConfigurationSuccess", _LOAD_BALANCER, "the load balancer is set up", ends_errors=True
    ),
    EventReason(
        "EnsureDeleteGatewayLBConfigurationError",
        _LOAD_BALANCER,
        "its load balancer rule is not deleted",
        is_error=True,
    ),
    EventReason(
        "ReconcileGatewayVMConfigurationError", _NODES, "the prefix, the scale set or a NIC failed", is_error=True
    ),
    EventReason("ReconcileGatewayVMConfigurationSuccess", _NODES, "the gateway nodes are set up", ends_errors=True),
    EventReason(
        "EnsureDeleteGatewayVMConfigurationError",
        _NODES,
        "the prefix or addresses of nodes are not deleted",
        is_error=True,
    ),
)
_BY_NAME = {each.name: each for each in EVENT_REASONS}


def controller_of(event: Event) -> str:
    """The controller that wrote the event, "" for an event from another source."""
    if reason := _BY_NAME.get(event.reason):
        return reason.controller
    return event.component if event.component in (_CONFIGURATION, _LOAD_BALANCER, _NODES) else ""


def current_errors(events: Iterable[Event]) -> tuple[Event, ...]:
    """The controllers' current errors, newest first, each message once.

    An error is current if no success of the same controller is newer. A later `Reconciling` also ends an InvalidSpec
    (docs/domain/operator-messages.md#reading-controller-events).
    """
    mine = [event for event in events if controller_of(event)]
    succeeded = _latest(e for e in mine if (reason := _BY_NAME.get(e.reason)) is not None and reason.ends_errors)
    reconciled = _latest(e for e in mine if e.reason == "Reconciling")
    current: dict[tuple[str, str], Event] = {}
    for event in sorted(mine, key=lambda e: (e.last is not None, e.last, e.name) if e.last else (False, None, e.name)):
        controller = controller_of(event)
        ended = [succeeded.get(controller)] + ([reconciled.get(controller)] if event.reason == "InvalidSpec" else [])
        if _is_error(event) and not any(_newer(at, event.last) for at in ended):
            current.pop((event.reason, event.message), None)
            current[(event.reason, event.message)] = event
    return tuple(reversed(current.values()))


def _is_error(event: Event) -> bool:
    reason = _BY_NAME.get(event.reason)
    return reason.is_error if reason else event.type == "Warning"


def _latest(events: Iterable[Event]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for event in events:
        if (at := event.last) is not None and (controller := controller_of(event)):
            found[controller] = max(at, found.get(controller, at))
    return found


def _newer(at: datetime | None, than: datetime | None) -> bool:
    return at is not None and (than is None or at > than)
