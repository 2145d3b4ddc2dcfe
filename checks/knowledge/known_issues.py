"""Public issues that findings cite, from tables/known-issues.yaml.

Source: docs/domain/operator-messages.md#known-issues.
"""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from checks.knowledge.tables import read_table
from checks.model.findings import Action, Effect


class KnownIssue(BaseModel):
    """A public issue or pull request: its symptom, and when it was fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str
    number: int
    symptom: str
    fixed: str = ""
    """The date or version of its fix, "" if it was open when it was last read."""
    read: date
    """The day on which its page was last read."""
    used_by: Annotated[tuple[str, ...], Field(min_length=1)]
    """The codes of the checks that cite it."""

    @property
    def ref(self) -> str:
        """The citation: `Azure/kube-egress-gateway#1381`."""
        return f"{self.repository}#{self.number}"

    @property
    def url(self) -> str:
        """Its page; GitHub redirects to the pull request of the same number."""
        return f"https://github.com/{self.repository}/issues/{self.number}"

    @property
    def compare(self) -> Action:
        """The action to compare a finding with this issue."""
        state = f"fixed: {self.fixed}" if self.fixed else f"open on {self.read}"
        return Action(f"Compare with {self.ref}: {self.symptom} ({state})", effect=Effect.READS, url=self.url)


KNOWN_ISSUES: dict[str, KnownIssue] = {
    each.ref: each for each in read_table("known-issues.yaml", tuple[KnownIssue, ...])
}

_OPERATOR = "Azure/kube-egress-gateway"

SERVICES_TUNNELLED_WITH_CILIUM = KNOWN_ISSUES[f"{_OPERATOR}#1124"]
PUBLIC_IP_NAMES_COLLIDE = KNOWN_ISSUES[f"{_OPERATOR}#1227"]
NO_CONNECTIVITY_ACROSS_SUBNETS = KNOWN_ISSUES[f"{_OPERATOR}#1295"]
VIRTUAL_NETWORK_UNREACHABLE = KNOWN_ISSUES[f"{_OPERATOR}#1329"]
LOCAL_DNS_TUNNELLED = KNOWN_ISSUES[f"{_OPERATOR}#1356"]
IP_CONFIGURATIONS_REMOVED = KNOWN_ISSUES[f"{_OPERATOR}#1381"]
PRIVATE_IP_MODE_PREVIEW = KNOWN_ISSUES["Azure/AKS#4936"]
