"""The findings of one check over the facts that it reads.

After a failed read or a defect of the check, its result is not checked, never a pass.
"""

import hashlib
import logging

from checks.engine.check import Check
from checks.facts.fact import Unreadable
from checks.facts.view import Facts
from checks.model.findings import Finding, Observation, Status

log = logging.getLogger(__name__)


def run_check(check: Check, facts: Facts) -> tuple[Finding, ...]:
    """The findings of a check; passes only if it has no other result."""
    found: list[Finding] = []
    try:
        for observation in check.run(facts):
            found.append(check.finding(observation))  # noqa: PERF401 - findings before a gap are kept
    except Unreadable as gap:
        found = [*_without_passes(found), check.not_checked(gap.gap)]
    except Exception as error:  # noqa: BLE001 - a crashed check is unknown and does not hide the others
        found = [*_without_passes(found), check.finding(_crashed(check, error))]
    if not found:
        found.append(
            check.finding(
                Observation(Status.UNKNOWN, "Not checked: the check returned no result, a defect of the check.")
            )
        )
    if len(found) == 1:
        return (found[0],)
    serious = [each for each in found if each.status is not Status.PASS]
    return tuple(serious if any(each.status is not Status.SKIPPED for each in serious) else found)


def _without_passes(found: list[Finding]) -> list[Finding]:
    """The findings before an interruption; a pass is not one, because the rest was not checked."""
    return [each for each in found if each.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]


def _crashed(check: Check, error: Exception) -> Observation:
    token = defect_token(check.code, error)
    log.error("check %s crashed, error %s", check.slug, token, exc_info=error)
    return Observation(
        Status.UNKNOWN,
        f"Not checked: the check crashed (error {token}, {type(error).__name__}); the log of this run has the details.",
    )


def defect_token(where: str, error: Exception) -> str:
    """A token that identifies an error in the report and in the log."""
    return hashlib.sha256(f"{where} {type(error).__name__} {error}".encode()).hexdigest()[:8]
