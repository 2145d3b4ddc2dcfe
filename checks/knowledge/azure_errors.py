"""Azure's error codes, with meaning and fix, from tables/azure-errors.yaml.

They occur in the events of the static egress gateway's controller and in node pools whose last operation failed. The
table cannot be complete: an unknown code is shown with its message (docs/rulings.md#ruling-43).

Source: docs/domain/operator-messages.md#arm-error-codes.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from checks.knowledge.azure_obstacles import PolicyAssignment, policy_assignment
from checks.knowledge.azure_replies import AzureReply, azure_replies
from checks.knowledge.tables import read_table


class ErrorKind(StrEnum):
    """The subject of an error; errors of the same kind have similar fixes."""

    IDENTITY = "identity"
    TENANT = "tenant"
    ROLE = "role"
    POLICY = "policy"
    LOCK = "lock"
    THROTTLING = "throttling"
    CORES = "cores"
    ADDRESSES = "addresses"
    QUOTA = "quota"
    PREFIX_FULL = "prefix_full"
    SUBNET = "subnet"
    CAPACITY = "capacity"
    ZONE = "zone"
    REGION = "region"
    IP_VERSION = "ip_version"
    TIER = "tier"
    SKU = "sku"
    SCOPE = "scope"
    ID = "id"
    OPERATION = "operation"
    STATE = "state"
    INTERNAL = "internal"
    BOOTSTRAP = "bootstrap"
    DRAIN = "drain"


NO_SOURCE = "none found"
"""The source of a code that is in no public page: a cluster or an SDK of Azure showed it."""

TEXT = "text"
"""The key of the source of a row for any code, which matches a text."""

ErrorSource = Annotated[str, Field(pattern=rf"^(https://(learn\.microsoft\.com|github\.com)/\S+|{NO_SOURCE})$")]


class AzureError(BaseModel):
    """One row: codes, the expression that the message must match, meaning and fix.

    `show` is a read-only command that shows the obstacle and `command` is the fix, "" if there is none. They can have
    `{aks}`, `{group}`, `{location}` and `{pool}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: tuple[str, ...]
    """Empty for any code."""
    when: str = ""
    kind: ErrorKind
    source: tuple[tuple[str, ErrorSource], ...]
    """For each code, or for the text, the page of Microsoft or the public issue that shows it."""
    meaning: str
    fix: str
    show: str = ""
    command: str = ""
    waiting: bool = False
    """Whether the fix is to wait, which changes nothing."""

    @field_validator("source", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        return tuple(value.items()) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _each_code_has_a_source(self) -> Self:
        if {name for name, _ in self.source} != set(self.codes or (TEXT,)):
            raise ValueError(f"source must name {', '.join(self.codes or (TEXT,))}")
        return self

    def describes(self, reply: AzureReply) -> bool:
        """Whether this is the row of an error."""
        named = not self.codes or reply.code.lower() in {each.lower() for each in self.codes}
        return named and (not self.when or re.search(self.when, reply.message) is not None)


class AzureErrors(BaseModel):
    """The table, and the day on which it was last compared with its sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    taken: date
    errors: tuple[AzureError, ...]


_TABLE = read_table("azure-errors.yaml", AzureErrors)
AZURE_ERRORS = _TABLE.errors
_CODES = {code for row in AZURE_ERRORS for code in row.codes}
_WORDS = re.compile(rf"\b({'|'.join(sorted(_CODES, key=len, reverse=True))})\b", re.IGNORECASE)
_LONGEST = 300
"""The longest message in a sentence; the evidence has the whole text."""


class ReportedError(BaseModel):
    """The error in a text that says most: the innermost that is known, else the innermost."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    code: str
    message: str
    known: AzureError | None
    assignment: PolicyAssignment | None = None
    """The policy assignment that denies the change; the details behind the message can name it."""

    @property
    def shown(self) -> str:
        """Code and message in one line."""
        return AzureReply(self.code, self.message).shown

    @property
    def meaning(self) -> str:
        """`CODE, meaning` of a known error, otherwise code and message, marked as unknown."""
        if self.known is not None:
            return f"{self.code}, {self.known.meaning}" if self.code else self.known.meaning
        message = self.message if len(self.message) <= _LONGEST else f"{self.message[: _LONGEST - 1].rstrip()}…"
        return f"{AzureReply(self.code, message.rstrip('.')).shown} (an error code that egress-diag does not know)"


@lru_cache(maxsize=1_000)
def reported_error(text: str) -> ReportedError | None:
    """Azure's error in a text, None if it has none."""
    replies = azure_replies(text)
    for reply in reversed(replies):
        if (row := _row(reply)) is not None:
            denied = policy_assignment(text) if row.kind is ErrorKind.POLICY else None
            return ReportedError(code=reply.code, message=reply.message, known=row, assignment=denied)
    if replies:
        specific = next((each for each in reversed(replies) if each.message), replies[-1])
        return ReportedError(code=specific.code, message=specific.message, known=None)
    # A known code as a word of a text in another form.
    if (word := _WORDS.search(text)) is not None:
        reply = AzureReply(word.group(1), "")
        return ReportedError(code=reply.code, message="", known=_row(reply))
    reply = AzureReply("", text)
    row = next((each for each in AZURE_ERRORS if not each.codes and each.describes(reply)), None)
    return None if row is None else ReportedError(code="", message=" ".join(text.split()), known=row)


def _row(reply: AzureReply) -> AzureError | None:
    return next((each for each in AZURE_ERRORS if each.describes(reply)), None)


def code_of(message: str) -> str:
    """The code of Azure's error in a message, "" if there is none."""
    found = reported_error(message)
    return found.code if found else ""
