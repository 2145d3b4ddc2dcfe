"""Doctor's part `actions`, for the process that takes active steps.

It tries each permission of the steps in each namespace in which they are enabled.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic

from checks.actions.step_permissions import PROBE, RESTART, Rule, action_rules, single_rights
from checks.config.configuration import ClusterConfig, Config
from checks.config.configuration_file import ConfigError, load
from checks.config.settings import Settings
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions
from checks.doctor.requirements import ACTION_REACHABLE, ACTION_RIGHT
from checks.doctor.requirements import ACTION_REQUIREMENTS as REQUIREMENTS
from checks.facts.fact import Listed
from checks.facts.namespaces import Namespace
from checks.sources.bundle import BundleError
from checks.sources.live import LiveSource, open_source
from checks.sources.questions import ApiServerQuestions
from checks.sources.replies import Failure
from checks.sources.source import Objects, SourceError

__all__ = ["REQUIREMENTS", "action_rights"]

_SECONDS = 40.0
"""The time limit for one cluster."""


def action_rights(options: DoctorOptions) -> Iterator[DoctorLine]:
    """The permissions of active steps in every live cluster; nothing if the steps are off."""
    if options.terminal and not options.selected:
        return
    try:
        config = load(Path(options.config) if options.config else None, Settings().config)
    except ConfigError:
        yield ACTION_REACHABLE.not_checked("the configuration cannot be read")
        return
    if config.probe is None or not config.probe.namespaces:
        if options.selected:
            yield ACTION_RIGHT.not_checked(
                "active steps are off: probe.namespaces of the configuration lists no namespace"
            )
        return
    for entry in config.clusters:
        yield from _cluster(config, entry, config.probe.namespaces, options)


def _cluster(
    config: Config, entry: ClusterConfig, namespaces: Sequence[str], options: DoctorOptions
) -> Iterator[DoctorLine]:
    deadline = monotonic() + _SECONDS
    try:
        source = open_source(entry)
    except (BundleError, SourceError) as failed:
        yield ACTION_REACHABLE.failed(str(failed), entry.name)
        return
    if not isinstance(source, LiveSource):
        return
    questions = ApiServerQuestions(source.access)
    try:
        questions.version(deadline)
    except Failure as failure:
        report = ACTION_REACHABLE.failed if options.selected else ACTION_REACHABLE.not_checked
        yield report(failure.message, entry.name)
        return
    yield ACTION_REACHABLE.passed("the API server answers", entry.name)
    present = _present(source, namespaces, deadline)
    if not present:
        yield ACTION_RIGHT.passed(f"none of {', '.join(namespaces)} exists here", entry.name)
        return
    wanted = [(right, "") for right in single_rights(action_rules())]
    wanted += [(right, namespace) for namespace in present for right in single_rights(_rules(config))]
    with ThreadPoolExecutor(8, thread_name_prefix="rights") as pool:
        yield from pool.map(partial(_right, entry, questions, options, deadline), wanted)


def _present(source: LiveSource, namespaces: Sequence[str], deadline: float) -> list[str]:
    """Those of the namespaces that exist; all if that cannot be read."""
    assert isinstance(Namespace.origin, Listed)  # noqa: S101 - for the type checker
    match source.list_objects(Namespace.origin, deadline):
        case Objects(raw=found):
            known = {Namespace(each).name for each in found}
            return [each for each in namespaces if each in known]
        case _:
            return list(namespaces)


def _rules(config: Config) -> list[Rule]:
    """The rules of the steps that an access rule permits; of all steps without rules."""
    granted = {permission for rule in config.access for permission in rule.allow}
    probe = PROBE if "probe" in granted or not config.access else []
    return [*probe, *(RESTART if "restart" in granted or not config.access else [])]


def _right(
    entry: ClusterConfig,
    questions: ApiServerQuestions,
    options: DoctorOptions,
    deadline: float,
    wanted: tuple[tuple[str, str, str], str],
) -> DoctorLine:
    (verb, resource, group), namespace = wanted
    name = f"{resource}.{group}" if group else resource
    subject = f"{entry.name} {verb} {name}" + (f" in {namespace}" if namespace else "")
    try:
        allowed = questions.allowed(group, resource, verb, deadline, namespace)
    except Failure as failure:
        return ACTION_RIGHT.not_checked(f"{failure.status} {failure.message}", subject)
    if allowed:
        return ACTION_RIGHT.passed("allowed", subject)
    if options.selected:
        return ACTION_RIGHT.failed("forbidden; steps that need it are refused or not completed", subject)
    return ACTION_RIGHT.warned("forbidden for this identity; the identity of the action worker needs it", subject)
