"""The section `alerts` of the configuration: alerts that start a check.

Source: docs/contract.md#configuration.
"""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

ALERT_USER = "alerts"
"""The user of alerts in access rules, in runs and in the audit."""

_LABEL = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


class MissingLabels(Exception):
    """An alert lacks the labels that name its gateway; `labels` are their names."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        super().__init__(f"the alert has no label {' and no label '.join(labels)}")


class AlertConfig(BaseModel):
    """The alerts whose labels match, their gateway, and the channel of the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: dict[str, str] = Field(min_length=1)
    """A regular expression for the whole value of each label, as in Prometheus."""
    cluster: str = Field(min_length=1)
    """The name or alias of a cluster; `{{label}}` stands for the value of a label."""
    gateway: str = Field(min_length=1)
    """`name` or `namespace/name`, with labels as in `cluster`."""
    channel: str = Field(min_length=1)
    """The ID of the channel, C…"""

    @field_validator("match")
    @classmethod
    def _compiles(cls, patterns: dict[str, str]) -> dict[str, str]:
        for label, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{label}: expected a regular expression, found {pattern!r}: {error}") from None
        return patterns

    @field_validator("cluster", "gateway")
    @classmethod
    def _has_only_labels(cls, template: str) -> str:
        if "{{" in _LABEL.sub("", template) or "}}" in _LABEL.sub("", template):
            raise ValueError(f"expected {{{{label}}}} around the name of a label, found {template!r}")
        return template

    @property
    def fixed_cluster(self) -> str:
        """The cluster, if no label names it; otherwise empty."""
        return "" if _LABEL.search(self.cluster) else self.cluster

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every pattern matches the whole value of its label; a missing label is empty."""
        return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in self.match.items())

    def names(self, labels: Mapping[str, str]) -> tuple[str, str]:
        """The cluster and the gateway of an alert. Raises MissingLabels."""
        wanted = dict.fromkeys(_LABEL.findall(self.cluster + self.gateway))
        if missing := [label for label in wanted if not labels.get(label)]:
            raise MissingLabels(missing)
        cluster, gateway = (
            _LABEL.sub(lambda found: labels[found[1]], each).strip() for each in (self.cluster, self.gateway)
        )
        return cluster, gateway
