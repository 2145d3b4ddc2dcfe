"""Alertmanager's notifications as typed values, with only the fields that the bot reads.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from checks.model.redaction import redact
from workers.records.alert import Alert

MOST_NAME = 80
"""Characters of an alert's name that messages show."""


class MalformedNotification(Exception):
    """A body that is no notification of Alertmanager; the text says what is wrong."""


def _recent(moment: datetime) -> datetime:
    if moment.year < 2000:  # Alertmanager writes the year 1 for a time that is not set
        raise ValueError("expected a time after the year 2000")
    return moment


_Text = Annotated[str, StringConstraints(max_length=4000)]


class ReceivedAlert(BaseModel):
    """One alert of a notification."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["firing", "resolved"]
    labels: dict[_Text, _Text]
    starts_at: Annotated[AwareDatetime, AfterValidator(_recent), Field(alias="startsAt")]
    ends_at: Annotated[AwareDatetime | None, Field(alias="endsAt")] = None
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]

    @property
    def name(self) -> str:
        """The value of the label `alertname`, redacted."""
        return redact(self.labels.get("alertname", "")[:MOST_NAME]).strip() or "alert without a name"

    def alert(self, now: datetime) -> Alert:
        """The alert as a record, without times in the future."""
        began = min(self.starts_at.astimezone(UTC), now)
        if self.status == "firing":
            return Alert(self.fingerprint, self.name, began)
        ended = self.ends_at if self.ends_at is not None and self.ends_at > self.starts_at else now
        return Alert(self.fingerprint, self.name, began, max(began, min(ended.astimezone(UTC), now)))


class Notification(BaseModel):
    """A notification of a group of alerts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    receiver: _Text = ""
    alerts: Annotated[tuple[ReceivedAlert, ...], Field(min_length=1)]


def read_notification(body: bytes) -> Notification:
    """The notification in the body of a request. Raises MalformedNotification."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedNotification("the body is not JSON") from None
    if not isinstance(found, Mapping):
        raise MalformedNotification("the body is no JSON object")
    try:
        return Notification.model_validate(found)
    except ValidationError as wrong:
        errors = wrong.errors(include_input=False, include_url=False, include_context=False)[:3]
        problems = ", ".join(f"{_place(each['loc'])}: {each['msg']}" for each in errors)
        raise MalformedNotification(f"the body is no notification of Alertmanager: {problems}") from None


def _place(path: tuple[int | str, ...]) -> str:
    """The path of a field; a part that the sender chose is left out."""
    return ".".join(str(part) for part in path if isinstance(part, int) or part.isidentifier())[:80] or "body"
