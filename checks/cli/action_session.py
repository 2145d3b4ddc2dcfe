"""One active step on the command line, from its plan to the new diagnosis."""

import secrets
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import orjson

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import PlanRequest, plan_action
from checks.actions.rendering import action_document, plan_lines, result_lines
from checks.actions.results import ActionOutcome, ActionResult, refused_result
from checks.cli.console import Console, write_out
from checks.cli.usage import refuse
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
        self._source = _live(entry)

    def execute(self, kind: ActionKind, *, yes: bool, deployment: str = "", typed: str = "") -> int:
        """Execute the step and return the exit code of the command."""
        plan = self._plan(kind, deployment)
        if isinstance(plan, PlanRefusal):
            return self._finish(None, refused_result(plan, _now()))
        if not self._as_json or not yes:
            click.echo(inert("\n".join(plan_lines(plan))), err=True)
        if (refusal := self._confirmed(plan, yes, typed)) is not None:
            return self._finish(plan, refused_result(refusal, _now()))
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
            refuse(f"{several}. Give the full name of one of them.")
        except UnknownGateway as wrong:
            refuse(wrong)

    def _confirmed(self, plan: ActionPlan, yes: bool, typed: str) -> PlanRefusal | None:
        """The refusal of a plan that is not confirmed, None if it is."""
        needed = plan.confirm_name
        if needed and yes:
            if typed == needed:
                return None
            return PlanRefusal(RefusalKind.NAME_NOT_TYPED, f"Confirm this restart with --confirm {needed}.")
        if yes:
            return None
        if not sys.stdin.isatty():
            return PlanRefusal(RefusalKind.NOT_CONFIRMED, "The plan was not confirmed: use --yes in scripts.")
        if needed:
            answer = click.prompt(f"Type {needed} to confirm", default="", show_default=False, err=True)
            agreed = str(answer).strip() == needed
        else:
            agreed = click.confirm("Execute this plan?", err=True)
        return None if agreed else PlanRefusal(RefusalKind.NOT_CONFIRMED, "The plan was not confirmed.")

    def _executed(self, plan: ActionPlan) -> ActionResult:
        steps = ActiveSteps(ActionApi(self._source.access))
        target = Question(self._question.cluster, plan.gateway, plan.namespace)
        try:
            return steps.execute(
                plan,
                lambda: recheck_now(self._source, target, plan, self._settings.namespaces, self._timeout),
                lambda progress: click.echo(inert(progress), err=True),
            )
        finally:
            if not steps.clean_up(plan):
                kept = f"{plan.object} could not be deleted; Kubernetes deletes it after its time to live."
                click.echo(inert(kept), err=True)

    def _finish(self, plan: ActionPlan | None, result: ActionResult) -> int:
        refused = result.outcome is ActionOutcome.REFUSED
        report = None if refused else self._diagnosed(result)
        if self._as_json:
            document: dict[str, Any] = action_document(plan, result)
            if report is not None:
                document |= {"verdict": report.verdict.value, "root_causes": list(report.root_causes)}
            write_out(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        else:
            lines = list(result_lines(result))
            if report is not None:
                lines += list(closing_lines(report))
            write_out("\n".join(lines))
        return result.outcome.exit_code

    def _diagnosed(self, result: ActionResult) -> Report:
        """A new diagnosis over the result of the step."""
        from checks.catalogue import catalogue

        source: Source = self._source
        if result.probe is not None:
            source = ProbedSource(source, [result.probe])
        checks = catalogue()
        return Console("none").follow(run(source, self._question, checks, self._timeout), len(checks))


def _live(entry: ClusterConfig) -> LiveSource:
    try:
        source = open_source(entry)
    except SourceError as wrong:
        refuse(wrong)
    if not isinstance(source, LiveSource):
        refuse(f"{entry.name} is not a live cluster")
    return source


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
