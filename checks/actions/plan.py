"""The plan of an active step, which is shown before it is confirmed.

Source: docs/contract.md#active-steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from checks.model.findings import Effect
from checks.model.raw_values import Moment

PLAN_EXPIRES = timedelta(minutes=10)
"""The age at which a plan can no longer be confirmed: it must be made again."""

MANAGED_BY = "egress-diag"
ACTION_LABEL = "egress-diag/action"
"""The label of everything that a step creates; its value is the ID of the plan."""
OWNER_LABEL = "egress-diag/owner"
"""The label with the installation that created the object.

A janitor deletes only what its own installation created.
"""


class ActionKind(StrEnum):
    """The active steps of docs/contract.md#active-steps."""

    PROBE_POD = "probe-pod"
    PROBE_GATEWAY = "probe-gateway"
    RESTART = "restart"

    @property
    def permission(self) -> Literal["probe", "restart"]:
        """The permission of an access rule that may confirm it."""
        return "restart" if self is ActionKind.RESTART else "probe"

    @property
    def article_step(self) -> str:
        return {"probe-pod": "SEG-5", "probe-gateway": "SEG-4", "restart": "SEG-6"}[self.value]

    @property
    def check(self) -> str:
        """The slug of the check that evaluates the result of a probe, "" for a restart."""
        return {"probe-pod": "uninjected-pod-fails", "probe-gateway": "source-address-wrong"}.get(self.value, "")


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request to the API server that changes something.

    `body` is None for a deletion without options.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Precondition:
    """A field that must still have this value just before the change."""

    resource: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """An active step that can be confirmed.

    `does`, `interrupts`, `undo` and `notes` are sentences. `seconds` is the longest time that it may take.
    """

    id: str
    """12 hexadecimal digits.

    They are part of the names of created objects, so that a repetition finds them.
    """
    kind: ActionKind
    cluster: str
    namespace: str
    gateway: str
    """The name of the gateway, without its namespace."""
    created: Moment
    object: str
    """The object that is created or changed: `Job payments/egress-diag-probe-…`."""
    calls: tuple[ApiCall, ...]
    preconditions: tuple[Precondition, ...]
    seconds: int
    effect: Effect
    does: str
    interrupts: str
    undo: str
    notes: tuple[str, ...] = ()
    deployment: str = ""
    """The Deployment of a restart."""
    pod: str = ""
    """The gateway pod of a probe from the gateway."""
    image: str = ""
    urls: tuple[str, ...] = ()
    prefix: str = ""
    """The egress IP prefix that the source IP address is compared with."""
    configuration: str = ""
    """The name of the StaticGatewayConfiguration that a probe is about."""
    configuration_uid: str = ""
    configuration_generation: int | None = None
    confirm_name: str = ""
    """The name that must be typed to confirm the plan.

    "" if a confirmation without a name is enough.
    """
    owner: str = ""

    @property
    def gateway_ref(self) -> str:
        """`namespace/name` of the gateway."""
        return f"{self.namespace}/{self.gateway}"

    @property
    def expires(self) -> datetime:
        """The time after which it can no longer be confirmed."""
        return self.created + PLAN_EXPIRES


class RefusalKind(StrEnum):
    """Why a step is not planned, not confirmed or not carried out."""

    NOT_CONFIGURED = "not-configured"
    NAMESPACE_NOT_LISTED = "namespace-not-listed"
    NO_TARGET = "no-target"
    UNKNOWN_GATEWAY = "unknown-gateway"
    SEVERAL_TARGETS = "several-targets"
    TERMINATING = "terminating"
    NOT_READABLE = "not-readable"
    CHANGED = "changed"
    EXPIRED = "expired"
    NAME_NOT_TYPED = "name-not-typed"
    FOREIGN_OBJECT = "foreign-object"
    NOT_CONFIRMED = "not-confirmed"


@dataclass(frozen=True, slots=True)
class PlanRefusal:
    """A refusal with its reason as a sentence; `choices` are the names to choose from."""

    kind: RefusalKind
    sentence: str
    choices: tuple[str, ...] = ()


ACTION_PLAN = TypeAdapter(ActionPlan)
PLAN_REFUSAL = TypeAdapter(PlanRefusal)
