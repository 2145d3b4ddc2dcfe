"""The printed steps of a report on a copy of the facts, and the diagnosis afterwards."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from checks.facts.change_input import BadChange
from checks.model.findings import Action, Effect, Report, Verdict
from checks.model.question import Question
from checks.reports.wording import roots_of
from checks.steps.shell import SplitSubstitution, UnreadableCommand, commands
from tests.clusters.bundles import Cluster
from tests.recordings import diagnosed
from tests.simulation import az, kubectl
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers import settle
from tests.simulation.output import printed_output
from tests.simulation.refusals import NotSimulated, Refused, ValueUnknown
from tests.simulation.undoing import not_undone

_PLACEHOLDER = re.compile(r"\breplace ([A-Z][A-Z_]+)\b")
_PROGRAMS = {"kubectl": kubectl.run, "az": az.run}


@dataclass(frozen=True)
class Outcome:
    """The result of the printed steps."""

    before: Report
    after: Report
    cluster: Cluster
    executed: tuple[Action, ...]
    unsimulated: tuple[tuple[Action, str], ...]
    """The steps whose effect does not follow from the facts, and why."""
    refused: tuple[tuple[Action, str], ...]
    """The steps that kubectl, the API server or Azure would refuse."""
    not_undone: tuple[tuple[Action, str], ...] = ()
    """The steps whose undo command does not give back the state before, and what differs."""
    instead: Action | None = None
    """The alternative that was chosen; None if the first steps were carried out."""

    @property
    def fixed(self) -> bool:
        return self.after.verdict is not Verdict.BROKEN

    def left(self) -> dict[str, list[str]]:
        """The checks of the root causes that are left without a mistake in their steps, and why.

        A step of theirs was not simulated, or the report prints no step that changes anything.
        """
        why = dict(self.unsimulated)
        found: dict[str, list[str]] = {}
        for cause in roots_of(self.before):
            steps = chosen(cause.actions, self.instead)
            reasons = [f"{each.title}: {why[each]}" for each in steps if each in why]
            if not reasons and all(each.effect is Effect.READS for each in steps):
                reasons = ["only read-only steps are printed"]
            found.setdefault(cause.check, []).extend(reasons)
        still = {each.check for each in roots_of(self.after)}
        return (
            {check: reasons for check, reasons in found.items() if check in still and reasons} if not self.fixed else {}
        )

    def wrong(self) -> list[str]:
        """The mistakes of the printed steps.

        These are refused steps, and root causes that they did not fix or created."""
        refused = [f"refused: {action.title}: {why}" for action, why in self.refused]
        left = self.left()
        unfixed = [each for each in roots_of(self.after) if each.check not in left] if not self.fixed else []
        return [*refused, *(f"{each.check}: {each.summary}" for each in unfixed)]


def chosen(actions: Sequence[Action], instead: Action | None = None) -> list[Action]:
    """The steps of a finding without the alternatives.

    With `instead`, that alternative is in the place of the steps that it replaces. Another finding can offer the same.
    """
    titles = [each.title for each in actions]
    found: list[Action] = []
    for each in actions:
        if instead is not None and each.command == instead.command and each.alternative_to in titles:
            kept = [one.title for one in found].index(each.alternative_to)
            found[kept:] = [each]
        elif each.alternative_to not in titles:
            found.append(each)
    return found


def alternatives_of(report: Report) -> list[Action]:
    """The commands of the root causes that replace other steps, each once."""
    found = (each for cause in roots_of(report) for each in cause.actions if each.alternative_to and each.command)
    return list({each.command: each for each in found}.values())


def executed(cluster: Cluster, wanted: Question, instead: Action | None = None) -> Outcome:
    """Diagnose, carry out the steps of all root causes, and diagnose again.

    Of alternatives, the first is carried out, or `instead`.
    """
    before = diagnosed(cluster, wanted).finish(0.0)
    copy = ClusterCopy(cluster)
    done: list[Action] = []
    unsimulated: list[tuple[Action, str]] = []
    refused: list[tuple[Action, str]] = []
    not_restored: list[tuple[Action, str]] = []
    for cause in roots_of(before):
        steps = chosen(cause.actions, instead)
        for number, action in enumerate(steps):
            if action.command in [each.command for each in done] or not action.command:
                if action.effect is not Effect.READS and not action.command:
                    unsimulated.append((action, "no command is printed"))
                continue
            problem_of_undo = not_undone(action, copy.cluster)
            not_restored += [(action, problem_of_undo)] if problem_of_undo else []
            try:
                _execute(action, copy)
            except ValueUnknown as problem:
                unsimulated += [(each, str(problem)) for each in steps[number:] if each.effect is not Effect.READS]
                break
            except (NotSimulated, SplitSubstitution) as problem:
                unsimulated.append((action, str(problem)))
            except (Refused, UnreadableCommand, BadChange) as problem:
                refused.append((action, str(problem)))
            else:
                done.append(action)
                unsimulated += [(action, each) for each in dict.fromkeys(copy.obstacles)]
                copy.obstacles = []
    later = copy.after(2)
    after = diagnosed(later, _followed(wanted, copy)).finish(0.0)
    return Outcome(before, after, later, tuple(done), tuple(unsimulated), tuple(refused), tuple(not_restored), instead)


def _followed(wanted: Question, copy: ClusterCopy) -> Question:
    """The question about the gateway that a step enabled instead of a disabled one."""
    found = (_gateways(cluster) for cluster in (copy.recorded, copy.cluster))
    before, after = found
    new = [each for each, enabled in after.items() if enabled and each not in before]
    questioned = (wanted.namespace, wanted.gateway)
    disabled = [each for each, enabled in after.items() if not enabled and before.get(each)]
    if len(new) == 1 and any(each[1] == questioned[1] and questioned[0] in (None, each[0]) for each in disabled):
        return replace(wanted, namespace=new[0][0], gateway=new[0][1])
    return wanted


def _gateways(cluster: Cluster) -> dict[tuple[str, str], bool]:
    properties = (cluster.managed_cluster or {}).get("properties") or {}
    istio = (properties.get("serviceMeshProfile") or {}).get("istio") or {}
    entries = (istio.get("components") or {}).get("egressGateways") or ()
    return {(str(e.get("namespace")), str(e["name"])): bool(e.get("enabled")) for e in entries}


def _execute(action: Action, copy: ClusterCopy) -> None:
    before = copy.cluster
    if placeholder := _PLACEHOLDER.search(action.title):
        raise ValueUnknown(f"the reader must replace {placeholder[1]}")
    printed = ""
    for read in commands(action.command):
        command = replace(read, stdin=printed) if read.piped and printed else read
        printed = printed_output(command, copy)
        run = _PROGRAMS.get(command.words[0])
        if run is not None:
            run(command, copy)
        elif action.effect is not Effect.READS and not command.piped:
            raise NotSimulated(f"{command.words[0]} is not simulated")
        if command.words[0] == "az" and copy.changed_since(before):
            # Azure answers after minutes: the controllers have reacted before the next command.
            settle(copy, before)
            before = copy.cluster
    if copy.changed_since(before):
        settle(copy, before)
    copy.scaled, copy.restarted, copy.reconciled, copy.upgraded = set(), set(), False, False
