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
        errors = wrong.errors(include_input=False, include_url=False, include_context=False)
        # A list whose only alert is wrong counts as empty, too.
        inner = [each for each in errors if len(each["loc"]) > 1] or errors
        problems = "; ".join(f"{_place(each['loc'])} {_problem(each['type'])}" for each in inner[:3])
        raise MalformedNotification(f"the body is no notification of Alertmanager: {problems}") from None


_PROBLEMS = {
    "missing": "is missing",
    "too_short": "has no alert",
    "literal_error": 'is neither "firing" nor "resolved"',
    "string_pattern_mismatch": "is not 1 to 64 letters and digits",
    "string_too_long": "is longer than 4000 characters",
    "timezone_aware": "has no time zone",
    "value_error": "is a time before the year 2000",
    "tuple_type": "is not a list",
    "dict_type": "is not an object",
    "model_type": "is not an object",
    "string_type": "is not text",
}
"""The kinds of wrong values in our words; those of a library name its own types."""


def _problem(kind: str) -> str:
    if kind.startswith(("datetime", "timezone")) and kind not in _PROBLEMS:
        return "is not a time such as 2026-11-30T14:00:00Z"
    return _PROBLEMS.get(kind, "is not valid")


def _place(path: tuple[int | str, ...]) -> str:
    """A field's path, such as `alerts[0].startsAt`, without parts that are no plain names."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if _is_plain(part))
    return "".join(parts).lstrip(".")[:80] or "the body"


def _is_plain(part: int | str) -> bool:
    return isinstance(part, int) or part.isidentifier()
