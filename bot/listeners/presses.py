"""What the buttons do. They carry an opaque id, and whoever presses is asked for permission at the press."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.desk.desk import Desk, Press
from bot.grammar.asked import Diagnose
from bot.grammar.typed import WATCH
from bot.messages import answers, private
from bot.messages.blocks import Message
from bot.messages.findings import explained, opened
from checks.catalogue import catalogue
from workers.client import Unavailable
from workers.runs.records import Run, Target

Pressed = Callable[[Desk, str, Press], Message | None]


def check_again(desk: Desk, run_id: str, press: Press) -> Message | None:
    """The same question once more, in the same thread."""
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    # A run of a watch is in its thread; of a run of its own the thread is where the button is.
    return desk.diagnose(
        Diagnose(run.order.target), replace(press, thread=press.thread or run.order.thread), after=run.id
    )


def stop(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Stops a run; whoever may start it may stop it."""
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    return None if desk.client.cancel(run, press.user) else answers.ended_already(run)


def watch(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Watches a run's gateway, in its thread."""
    return watch_for(desk, run_id, press, WATCH)


def watch_for(desk: Desk, run_id: str, press: Press, span: timedelta) -> Message | None:
    """Watches a run's gateway for a while, in its thread."""
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    return desk.watch(whole_target(run), replace(press, thread=press.thread or run.order.thread), span)


def unwatch(desk: Desk, watch_id: str, press: Press) -> Message | None:
    """Ends a watch."""
    found = desk.client.find_watch(watch_id)
    if found is None:
        return answers.too_old()
    decision = desk.allowed(press, found.target.cluster, found.target.gateway)
    if not decision.allowed:
        return answers.refused(decision.reason)
    desk.client.stop_watch(found, press.user)
    return None


def own(desk: Desk, run_id: str, press: Press) -> Message | None:
    """ "I'm on it": shown in the parent."""
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    desk.client.own(run, press.user)
    return None


def why(desk: Desk, run_id: str, press: Press) -> Message | None:
    """The causal chain, for the person alone."""
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    mechanisms = {(c.slug, effect): because.sentence for c in catalogue() for effect, because in c.explains.items()}
    return private.why(run, mechanisms)


def commands(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Every command, for the person alone."""
    run = permitted(desk, run_id, press)
    return private.commands(run) if isinstance(run, Run) else run


def open_finding(desk: Desk, value: str, press: Press) -> Message | None:
    """One folded finding in full, for the person alone."""
    run_id, _, name = value.partition("/")
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    return opened(run, [name]) or answers.too_old()


def unfold(desk: Desk, value: str, press: Press) -> Message | None:
    """All findings that a root cause explains, for the person alone."""
    run_id, _, cause = value.partition("/")
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    names = explained(run.report, cause) if run.report is not None else ()
    return opened(run, names) or answers.too_old()


def bundle(desk: Desk, run_id: str, press: Press) -> Message | None:
    """The evidence, as a file in the thread."""
    return _file(desk, run_id, press, "bundle", "evidence bundle")


def report(desk: Desk, run_id: str, press: Press) -> Message | None:
    """The full report, as a file in the thread."""
    return _file(desk, run_id, press, "report", "full report")


def _file(desk: Desk, run_id: str, press: Press, kind: str, name: str) -> Message | None:
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    kept = run.report is not None if kind == "report" else desk.client.has_evidence(run.id)
    if not kept:
        return answers.not_kept(name)
    document = f"file/{run.id}:{kind}"
    there = "file" in desk.client.delivered(document)
    if not there:
        desk.client.request_delivery(document)
    return answers.filed(name, there=there)


def choose(desk: Desk, value: str, press: Press) -> Message | None:
    """One of the gateways that an ambiguous name fitted."""
    run_id, _, number = value.partition("/")
    run = permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    if not number.isdecimal() or int(number) >= len(run.choices):
        return answers.too_old()
    namespace, _, name = run.choices[int(number)].partition("/")
    target = replace(run.order.target, namespace=namespace, gateway=name)
    return desk.diagnose(Diagnose(target), press, after=run.id)


def permitted(desk: Desk, run_id: str, press: Press) -> Run | Message:
    """The run, or why it cannot be asked about: it is too old, or this person may not."""
    try:
        run = desk.client.run(run_id) if run_id.isalnum() and run_id.isascii() else None
    except Unavailable:
        return answers.unavailable()
    if run is None:
        return answers.too_old()
    decision = desk.allowed(press, run.order.target.cluster, run.order.target.gateway)
    return run if decision.allowed else answers.refused(decision.reason)


def whole_target(run: Run) -> Target:
    """What a run was about, with the names as the cluster has them."""
    if run.report is None:
        return run.order.target
    return replace(run.order.target, namespace=run.report.namespace, gateway=run.report.gateway)


BUTTONS: dict[str, Pressed] = {
    "check_again": check_again,
    "stop": stop,
    "watch": watch,
    "unwatch": unwatch,
    "own": own,
    "open": open_finding,
    "unfold": unfold,
    "choose": choose,
}
"""By the button's action id, of which what follows a slash is only to make it unique in its message."""

MENU: dict[str, Pressed] = {"why": why, "commands": commands, "bundle": bundle, "report": report}
"""By what stands before the slash in a menu option's value; `wrong` opens a form and is in `forms`."""
