"""The buttons that request the plan of an active step.

They are on the parent message, and on the findings that a step is about."""

import shlex
from collections.abc import Collection, Iterator

from bot.messages.blocks import Block, button
from bot.messages.interaction_values import StepValue
from checks.actions.plan import ActionKind
from checks.model.findings import Finding, Report, Stage, Status, Verdict
from checks.model.kubectl_context import without_context
from workers.records.run import Run

REQUEST_STEP = "step"


_PROBES = {each.check: each for each in ActionKind if each.check}
"""The probes by the check that evaluates their result, in the order of their offers."""
_RESTART = ["kubectl", "rollout", "restart", "deployment"]


def next_probe(run: Run, offered: Collection[str]) -> Iterator[Block]:
    """The button for the first probe without a result.

    The probe from a pod outside the mesh (EG414) comes first: it shows which layer is at fault.
    """
    if run.report is not None and "probe" in offered and (kinds := _without_result(run.report)):
        yield _button("Probe…", run, kinds[0])


def steps_for(run: Run, finding: Finding, offered: Collection[str]) -> Iterator[Block]:
    """The buttons on a finding that no other explains; none while the gateway is starting."""
    if run.report is None or run.report.verdict is Verdict.STARTING:
        return
    kind = _PROBES.get(finding.check)
    if kind is not None and "probe" in offered:
        yield _button("Probe again…", run, kind)
        if kind is ActionKind.PROBE_POD and ActionKind.PROBE_GATEWAY in _without_result(run.report):
            yield _button("Probe from a gateway pod…", run, ActionKind.PROBE_GATEWAY)
    if "restart" in offered:
        names = _restarted(finding, run.report.namespace)
        for name in names:
            yield _button("Restart…" if len(names) == 1 else f"Restart {name}…", run, ActionKind.RESTART, name)


def _without_result(report: Report) -> list[ActionKind]:
    """The probes that no check could evaluate in this run."""
    skipped = {each.check for each in report.findings if each.status is Status.SKIPPED}
    return [kind for check, kind in _PROBES.items() if check in skipped]


def _restarted(finding: Finding, namespace: str) -> list[str]:
    """The Deployments of the gateway that the finding's actions restart.

    Only checks of the static egress gateway restart the gateway; those of Istio restart its clients.
    """
    if finding.stage is not Stage.STATIC_GATEWAY:
        return []
    commands = [without_context(each.command) for each in finding.actions]
    restarts = [shlex.split(each) for each in commands if each.startswith("kubectl rollout ")]
    names = [words[4] for words in restarts if words[:4] == _RESTART and namespace in words[5:]]
    return list(dict.fromkeys(names))


def _button(label: str, run: Run, kind: ActionKind, deployment: str = "") -> Block:
    value = StepValue(run=run.id, kind=kind, deployment=deployment).encode()
    return button(label, f"{REQUEST_STEP}/{kind.value}{f'-{deployment}' if deployment else ''}"[:255], value)
