"""The forms: a skeleton within the three seconds of a trigger, filled when there is something to fill it with."""

import logging
import re
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access.rules import visible_clusters
from bot.desk.desk import Desk, Press
from bot.grammar.asked import Diagnose
from bot.listeners import presses
from bot.messages import answers, form
from bot.messages.blocks import Message
from bot.slack.client import SlackRefusal
from checks.model.question import BadQuestion, parse_client, parse_gateway_name, parse_host
from workers.client import Unavailable
from workers.runs.records import Run, Target

log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Listens to the forms."""

    @app.action("cluster")
    def chosen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        ack()
        context["acknowledged"] = True
        view = body.get("view") or {}
        press = _press(body, form.channel_of(view))
        try:
            _fill(desk, press, str(view.get("id", "")), form.given(view).get("cluster"))
        except SlackRefusal as refused:
            log.info("a form could not be filled: %s", refused)

    @app.action(re.compile(r"^(gateway|host|from|comment)$"))
    def filled(ack: Ack) -> None:
        ack()

    @app.options("gateway")
    def typed(ack: Ack, payload: dict[str, Any], body: dict[str, Any]) -> None:
        cluster = str(payload.get("block_id", "")).partition("/")[2]
        press = _press(body, form.channel_of(body.get("view") or {}))
        known = desk.known(cluster) if desk.allowed(press, cluster, None).allowed else ()
        ack(options=form.gateway_options(known, str(payload.get("value", ""))))

    @app.view(form.CALLBACK)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        _submitted(desk, ack, _press(body, form.channel_of(view)), view)

    @app.view("wrong")
    def wrong(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        ack()
        run_id, _, channel = str(view.get("private_metadata", "")).partition("/")
        press = _press(body, channel)
        comment = form.given(view).get("comment", "")
        desk.once(press, "form wrong", run_id, lambda: _remark(desk, run_id, press, comment))


def open_form(desk: Desk, press: Press) -> Message | None:
    """Opens the skeleton and fills it."""
    try:
        view = desk.slack.open_view(press.trigger, form.skeleton(press.channel))
        _fill(desk, press, view, None)
    except SlackRefusal as refused:
        log.warning("the form did not open: %s", refused)
        return answers.type_it()
    return None


def open_wrong(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Opens the form of "this is wrong"."""
    run = presses.permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    try:
        desk.slack.open_view(press.trigger, form.wrong_run(f"{run.id}/{press.channel}"))
    except SlackRefusal as refused:
        log.warning("the form did not open: %s", refused)
        return answers.type_it()
    return None


def _fill(desk: Desk, press: Press, view: str, chosen: str | None) -> None:
    clusters = visible_clusters(desk.config, desk.asker(press))
    if not clusters:
        ask = f" Ask {desk.config.ask} for access." if desk.config.ask else ""
        desk.slack.update_view(view, form.closed(press.channel, f"You may check no cluster in this channel.{ask}"))
        return
    try:
        last = desk.client.last_target(press.channel)
        cluster = chosen or (last.cluster if last is not None and last.cluster in clusters else clusters[0])
        desk.client.refresh_gateways(cluster)
    except Unavailable:
        last = None
    desk.slack.update_view(view, form.form(press.channel, clusters, chosen, last))


def _submitted(desk: Desk, ack: Ack, press: Press, view: dict[str, Any]) -> None:
    given = form.given(view)
    target, errors = _target(given, view)
    if target is None:
        ack(response_action="errors", errors=errors)
        return

    def acknowledge(answer: Message | None) -> None:
        if answer is None or answer.slot == "joined":
            ack()
        else:
            ack(response_action="errors", errors={"cluster": _plain_words(answer)})
        if answer is not None and answer.slot == "joined":
            desk.tell(press, answer)

    def start() -> Message | None:
        answer = desk.diagnose(Diagnose(target), press)
        desk.note(press, "form diagnose", str(target), answer)
        return answer

    desk.in_time.answer(start, acknowledge, lambda late: desk.tell(press, late))


def _target(given: dict[str, str], view: dict[str, Any]) -> tuple[Target | None, dict[str, str]]:
    errors: dict[str, str] = {}
    name, host, client = None, None, None
    try:
        name = parse_gateway_name(given.get("gateway", ""))
    except BadQuestion as wrong:
        errors[form.block_of(view, "gateway")] = f"{wrong}."
    try:
        host = parse_host(given["host"]) if "host" in given else None
    except BadQuestion as wrong:
        errors["host"] = f"{wrong}."
    try:
        client = parse_client(given["from"]) if "from" in given else None
    except BadQuestion as wrong:
        errors["from"] = f"{wrong}."
    if errors or name is None:
        return None, errors
    return Target(given.get("cluster", ""), name.name, name.namespace, host, client), {}


def _remark(desk: Desk, run_id: str, press: Press, comment: str) -> Message | None:
    run = presses.permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    desk.client.remark(run, press.user, comment)
    return answers.kept()


def _plain_words(answer: Message) -> str:
    return answer.text.replace("\u2060", "")[:150]


def _press(body: dict[str, Any], channel: str) -> Press:
    view = body.get("view") or {}
    return Press(
        user=str((body.get("user") or {}).get("id", "")),
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"form/{view.get('id', '')}/{view.get('hash', '')}",
    )
