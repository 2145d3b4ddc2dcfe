"""One active step on the command line, from its plan to the new diagnosis."""

import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import orjson

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import PlanRequest, plan_action
from checks.actions.rendering import action_document, plan_lines, result_lines
from checks.actions.results import ActionOutcome, ActionResult, left_over_of, refused_result
from checks.cli.console import Console, write_out
from checks.cli.interruptions import Interrupted, signals_ignored, signals_raised
from checks.cli.step_refusals import refuse_step
from checks.config.configuration import ClusterConfig
from checks.config.probe_configuration import ProbeConfig
from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
from checks.model.findings import Report
from checks.model.inert_text import inert
from checks.model.question import Question
from checks.reports.text import closing_lines
from checks.sources.action_api import ActionApi
from checks.sources.action_facts import read_action_facts, recheck_now
from checks.sources.active_steps import ActiveSteps
from checks.sources.live import LiveSource, open_source
from checks.sources.probed import ProbedSource
from checks.sources.run import run
from checks.sources.source import SourceError

if TYPE_CHECKING:
    from checks.sources.source import Source

_CONTINUES = {ActionKind.RESTART: "A restart that was requested continues; kubectl rollout status shows its progress."}

OWNER = "command-line"
"""The owner label of objects that the command line creates."""


class ActionSession:
    """Plans, confirms and executes one step in one cluster.

    The plan and the progress go to standard error, the result and the new diagnosis to standard output.
    """

    def __init__(
        self, entry: ClusterConfig, question: Question, settings: ProbeConfig, timeout: float, *, as_json: bool
    ) -> None:
        self._question = question
        self._settings = settings
        self._timeout = timeout
        self._as_json = as_json
        self._source = _live(entry, question.namespace, as_json)
        self._stopped = False

    def execute(self, kind: ActionKind, *, yes: bool, deployment: str = "", typed: str = "") -> int:
        """Execute the step and return the exit code of the command.

        After SIGINT, SIGTERM or SIGHUP, what a probe created is deleted, and the result is *not completed*.
        """
        plan: ActionPlan | None = None
        with signals_raised():
            try:
                found = self._plan(kind, deployment)
                if isinstance(found, PlanRefusal):
                    return self._finish(None, refused_result(found, _now()))
                plan = found
                if not self._as_json or not yes:
                    click.echo(inert("\n".join(plan_lines(plan))), err=True)
                if (refusal := self._confirmed(plan, yes, typed)) is not None:
                    return self._finish(plan, refused_result(refusal, _now()))
            except Interrupted as signal:
                return self._finish(plan, self._interrupted(f"{signal} interrupted the command. Nothing was changed."))
            return self._finish(plan, self._executed(plan))

    def _plan(self, kind: ActionKind, deployment: str) -> ActionPlan | PlanRefusal:
        settings = self._settings
        request = PlanRequest(
            id=secrets.token_hex(6),
            kind=kind,
            created=_now(),
            owner=OWNER,
            image=settings.image,
            urls=settings.urls,
            namespaces=settings.namespaces,
            deployment=deployment,
        )
        try:
            return plan_action(request, read_action_facts(self._source, self._question, self._timeout))
        except AmbiguousGateway as several:
            sentence = f"{several}. Give the full name of one of them."
            refuse_step(RefusalKind.SEVERAL_TARGETS, sentence, several.choices, as_json=self._as_json)
        except UnknownGateway as wrong:
            refuse_step(RefusalKind.UNKNOWN_GATEWAY, str(wrong), wrong.nearest, as_json=self._as_json)

    def _confirmed(self, plan: ActionPlan, yes: bool, typed: str) -> PlanRefusal | None:
        """The refusal of a plan that is not confirmed, None if it is."""
        needed = plan.confirm_name
        if typed and not needed and typed != plan.deployment:
            wrong = f"--confirm names {typed}, but the plan restarts {plan.deployment}."
            return PlanRefusal(RefusalKind.NAME_NOT_TYPED, wrong)
        if needed and yes:
            if typed == needed:
                return None
            return PlanRefusal(RefusalKind.NAME_NOT_TYPED, f"Confirm this restart with --confirm {needed}.")
        if yes:
            return None
        if not sys.stdin.isatty():
            return PlanRefusal(RefusalKind.NOT_CONFIRMED, "The plan was not confirmed: use --yes in scripts.")
        try:
            if needed:
                answer = click.prompt(f"Type {needed} to confirm", default="", show_default=False, err=True)
                agreed = str(answer).strip() == needed
            else:
                agreed = click.confirm("Execute this plan?", err=True)
        except click.Abort:  # end of input
            agreed = False
        return None if agreed else PlanRefusal(RefusalKind.NOT_CONFIRMED, "The plan was not confirmed.")

    def _executed(self, plan: ActionPlan) -> ActionResult:
        steps = ActiveSteps(ActionApi(self._source.access))
        target = Question(self._question.cluster, plan.gateway, plan.namespace)
        left = ""
        try:
            result = steps.execute(
                plan,
                lambda: recheck_now(self._source, target, plan, self._settings.namespaces, self._timeout),
                lambda progress: click.echo(inert(progress), err=True),
            )
        except Interrupted as signal:
            left = left_over_of(plan, certain=False)
            result = self._interrupted(f"{signal} interrupted the step. {_CONTINUES.get(plan.kind, '')}".rstrip())
        finally:
            with signals_ignored():
                left = steps.clean_up(plan) or left
        return replace(result, left_over=left) if left else result

    def _interrupted(self, sentence: str) -> ActionResult:
        self._stopped = True
        return ActionResult(ActionOutcome.NOT_COMPLETED, sentence, _now())

    def _finish(self, plan: ActionPlan | None, result: ActionResult) -> int:
        report = None
        if result.outcome is not ActionOutcome.REFUSED and not self._stopped:
            try:
                report = self._diagnosed(result)
            except Interrupted as signal:
                click.echo(f"{signal} interrupted the new diagnosis.", err=True)
        with signals_ignored():
            self._write(plan, result, report)
        return result.outcome.exit_code

    def _write(self, plan: ActionPlan | None, result: ActionResult, report: Report | None) -> None:
        if self._as_json:
            document: dict[str, Any] = action_document(plan, result)
            if report is not None:
                document |= {"verdict": report.verdict.value, "root_causes": list(report.root_causes)}
            write_out(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        else:
            lines = list(result_lines(result))
            if report is not None:
                lines += ["", *closing_lines(report)]
            write_out("\n".join(lines), colour=True)

    def _diagnosed(self, result: ActionResult) -> Report:
        """A new diagnosis over the result of the step."""
        from checks.catalogue import catalogue

        source: Source = self._source
        if result.probe is not None:
            source = ProbedSource(source, [result.probe])
        checks = catalogue()
        return Console("none").follow(run(source, self._question, checks, self._timeout), len(checks))


def _live(entry: ClusterConfig, namespace: str | None, as_json: bool) -> LiveSource:
    try:
        source = open_source(entry, namespace)
    except SourceError as wrong:
        refuse_step(RefusalKind.NOT_READABLE, str(wrong), as_json=as_json)
    if not isinstance(source, LiveSource):
        refuse_step(RefusalKind.NO_TARGET, f"{entry.name} is not a live cluster", as_json=as_json)
    return source


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
