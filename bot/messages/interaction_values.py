"""The JSON records in button values and form metadata, which Slack sends back unchanged.

A button or a menu that concerns one record (a run, a watch, a digest, a handoff) has its ID as value instead. Messages of an
earlier version may still contain other values: reading them raises OutdatedValue.

Sources: https://docs.slack.dev/reference/block-kit/block-elements/button-element (`value`),
https://docs.slack.dev/reference/views/modal-views (`private_metadata`).
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.grammar.fleet_parser import LONGEST_SHIFT
from checks.actions.plan import ActionKind

MenuOption = Literal["why", "commands", "bundle", "report", "wrong"]
"""The options of the overflow menu of a run."""


class OutdatedValue(Exception):
    """A value that this version does not write."""


class InteractionValue(BaseModel):
    """A record in the value of a button or option, or in the private metadata of a form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> str:
        """The record as Slack stores it."""
        return self.model_dump_json()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote. Raises OutdatedValue."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            raise OutdatedValue(cls.__name__) from None


class FindingValue(InteractionValue):
    """A finding of a run, by the slug of its check."""

    run: str
    finding: str


class ChoiceValue(InteractionValue):
    """One of the gateways that an ambiguous name matches, by its position in the run's list."""

    run: str
    choice: int


class RanValue(InteractionValue):
    """A step of the recipes of a run, by its digest."""

    run: str
    step: str


class StepValue(InteractionValue):
    """An active step for the gateway of a run."""

    run: str
    kind: ActionKind
    deployment: str = ""


class MenuValue(InteractionValue):
    """An option of the overflow menu of a run."""

    option: MenuOption
    run: str


class IncidentValue(InteractionValue):
    """The incident of a gateway (`namespace/name`), in the App Home."""

    cluster: str
    gateway: str


class FormMetadata(InteractionValue):
    """The metadata of a form: the channel in which it was opened."""

    channel: str


class GatewayFormMetadata(FormMetadata):
    """The metadata of the form that checks a gateway: also the cluster of its suggestions."""

    cluster: str


class WrongResultMetadata(FormMetadata):
    """The metadata of the form that reports a wrong result: also the run."""

    run: str


class StepFormMetadata(FormMetadata):
    """The metadata of the form that confirms an active step: also the step."""

    action: str


class HandoffMetadata(FormMetadata):
    """The metadata of the draft of a handoff: also the length of the shift in seconds."""

    span: Annotated[float, Field(gt=0, le=LONGEST_SHIFT.total_seconds())]
