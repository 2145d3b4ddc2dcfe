"""The faults that the istiod logs report.

They are rejected configuration, conflicting Gateways and privileged ports.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import IstiodLog
from checks.facts.view import Facts
from checks.knowledge.istiod_logs import ANALYSIS, MERGE, PRIVILEGED_PORT, Rejection, pushed, rejection
from checks.knowledge.proxy_logs import LogLine

_ACCEPTED_AFTER = timedelta(seconds=10)
"""The time after a push without a NACK from which it counts as accepted.

A NACK follows its push within seconds.
"""


@dataclass(slots=True)
class IstiodLogLines:
    """Lines of the istiod logs about proxies and Gateways."""

    rejections: dict[tuple[str, str], dict[str, tuple[Rejection, datetime | None, str]]] = field(default_factory=dict)
    """By pod and type: the newest NACK without a later accepted push, its time and its log."""
    merges: dict[tuple[str, str], dict[str, tuple[LogLine, str]]] = field(default_factory=dict)
    """By (namespace, name) of the Gateway: each text, its table row and its log.

    The namespace is "" if the line has none.
    """
    analysis: dict[tuple[str, str, str], dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By (kind, namespace, name): each message of istiod's analysis, its code and its log."""
    ports: dict[tuple[str, str], dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By pod: each skipped privileged port, the text and its log."""


def read_istiod_logs(facts: Facts) -> IstiodLogLines:
    """The lines of all readable istiod logs, without NACKs that a later push has resolved."""
    found_lines = IstiodLogLines()
    pushes: list[tuple[tuple[tuple[str, str], str] | None, datetime | None]] = []
    for log in sorted(facts.readable(IstiodLog, ROOT_NAMESPACE), key=lambda each: each.key):
        for line in log.lines:
            # Most lines are irrelevant: search for fixed words first, then for expressions.
            if "ACK ERROR" in line.text:
                _note(found_lines, rejection(line.message), line.at, log.ref)
            elif "PUSH" in line.text:
                pushes.append((pushed(line.message), line.at))
            elif " [IST" in line.text:
                _analysed(found_lines, line.message, log.ref)
            elif "skipping" in line.text:
                _skipped(found_lines, line.message.replace("\t", " "), log.ref)
    # A proxy may reconnect to another istiod, so pushes of all logs count.
    for push, at in pushes:
        _accepted(found_lines, push, at)
    return found_lines


def _analysed(found_lines: IstiodLogLines, message: str, source: str) -> None:
    if found := ANALYSIS.search(message.replace("\t", " ")):
        key = (found["kind"], found["namespace"], found["name"])
        found_lines.analysis.setdefault(key, {})[found["text"].strip()] = (found["code"], source)


def _note(found_lines: IstiodLogLines, found: Rejection | None, at: datetime | None, source: str) -> None:
    if found is None:
        return
    by_type = found_lines.rejections.setdefault(found.pod, {})
    known = by_type.get(found.type)
    if known is None or known[1] is None or at is None or known[1] <= at:
        by_type[found.type] = (found, at, source)


def _accepted(found_lines: IstiodLogLines, push: tuple[tuple[str, str], str] | None, at: datetime | None) -> None:
    """Drops a NACK that is well before a push of the same type.

    A rejected push would have been logged again.
    """
    if push is None or at is None:
        return
    pod, kind = push
    known = found_lines.rejections.get(pod, {}).get(kind)
    if known is not None and known[1] is not None and at - known[1] > _ACCEPTED_AFTER:
        del found_lines.rejections[pod][kind]


def _skipped(found_lines: IstiodLogLines, message: str, source: str) -> None:
    if found := PRIVILEGED_PORT.pattern.search(message):
        name, _, namespace = found["proxy"].partition(".")
        found_lines.ports.setdefault((namespace, name), {})[found["port"]] = (found[0], source)
        return
    for row in MERGE:
        if found := row.pattern.search(message):
            # Most releases log only the Gateway's name, some with its namespace.
            namespace, _, name = found["gateway"].rpartition("/")
            found_lines.merges.setdefault((namespace, name), {})[found[0]] = (row, source)
