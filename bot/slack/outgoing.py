"""The last redaction of texts before they leave for Slack.

Data is redacted when it is read, and typed text when it arrives. This is a second time, before a text leaves.
"""

from collections.abc import Mapping
from typing import Any

from checks.model.redaction import redact

_TEXTS = frozenset(
    ("text", "alt_text", "alt_txt", "title", "initial_value", "filename", "root_cause", "error", "markdown")
)
"""The fields of messages, views and files that people read.

Identifiers and values of buttons are unchanged.
"""


def without_secrets(shown: Any) -> Any:
    """The arguments of a call with redacted texts, also in blocks and views."""
    if isinstance(shown, Mapping):
        return {key: _field_without_secrets(key, value) for key, value in shown.items()}
    if isinstance(shown, list | tuple):
        return [without_secrets(each) for each in shown]
    return shown


def _field_without_secrets(key: str, value: Any) -> Any:
    return redact(value) if key in _TEXTS and isinstance(value, str) else without_secrets(value)
