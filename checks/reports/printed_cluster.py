"""The cluster in the `egress-diag` commands of a report.

The command line of the run names it. The engine prints the name of the cluster; that of a bundle, or of a context of another
kubeconfig, is no name that the command line knows: the command would end with a usage error.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from checks.model.findings import Action, Finding, NotChecked, Report

NAME_THE_CLUSTER = '"${CLUSTER:?name of the live cluster in your configuration, or of a kube context}"'
"""The cluster of a bundle that does not record its kubectl context.

The shell prints the sentence until it is set.
"""

_CONTEXT = re.compile(r"\bkubectl --context ('[^']*'|\S+)")


def in_words(words: Sequence[str]) -> str:
    """The words that name a cluster, as part of a shell command.

    A variable without any.
    """
    return shlex.join(words) if words else NAME_THE_CLUSTER


def with_printed_cluster(report: Report, named: str) -> Report:
    """The report with the cluster named so in its `egress-diag` commands.

    `named` is a part of a shell command.
    """
    own = shlex.quote(report.cluster)
    if named == NAME_THE_CLUSTER and (context := _kubectl_context(report)):
        named = f"--context {context}"
    if named == own:
        return report
    pattern = re.compile(rf"\b(egress-diag (?:diagnose|probe|restart)) {re.escape(own)} ")

    def text(words: str) -> str:
        return pattern.sub(lambda found: f"{found[1]} {named} ", words) if "egress-diag" in words else words

    def action(each: Action) -> Action:
        return replace(
            each,
            title=text(each.title),
            command=text(each.command),
            expect=text(each.expect),
            verify=text(each.verify),
            undo=text(each.undo),
        )

    def finding(each: Finding) -> Finding:
        return replace(each, actions=tuple(map(action, each.actions))) if each.actions else each

    def reason(each: NotChecked) -> NotChecked:
        return replace(each, actions=tuple(map(action, each.actions)))

    return replace(
        report,
        findings=tuple(map(finding, report.findings)),
        not_checked=tuple(map(reason, report.not_checked)),
    )


def _kubectl_context(report: Report) -> str:
    """The context of the report's kubectl commands, as a word of a shell; "" without one.

    Without a recorded context, it is the name of the managed cluster (docs/contract.md#kubectl-context).
    """
    commands = (each.command for finding in report.findings for each in finding.actions)
    found = (_CONTEXT.search(command) for command in commands)
    return next((each[1] for each in found if each is not None), "")
