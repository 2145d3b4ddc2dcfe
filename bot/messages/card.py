"""The card: the parent message of an incident, and its changes of owner in the thread."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.messages.alert_lines import alert_line
from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    notification,
    plain,
    raw,
    section,
)
from bot.messages.headlines import headline_of
from bot.messages.parent import buttons_of, next_actions, progress_line, reasons_not_to_check, since_line, traffic_lines
from bot.messages.path import path_of, shows_path
from bot.messages.phrases import (
    DATE_AND_TIME,
    VERDICT_MARKS,
    check_title,
    headline_words,
    local_time,
    long_duration,
    short_duration,
)
from bot.messages.recipe_progress import others_tried
from checks.model.findings import Report, Verdict
from checks.reports.impact import impact_of_checks
from checks.reports.wording import VERDICTS
from workers.records.alert import ThreadAlerts
from workers.records.card import Card, OwnerChange
from workers.records.run import Run
from workers.records.watch import Watch

RELEASE = "release"
"""The action of the button that releases an ownership."""


@dataclass(frozen=True, slots=True)
class CardView:
    """A card with what other records say about it.

    `latest` is the last run in the channel with a report. `earlier` and `newer` are the addresses of the cards before and
    after this one; empty if Slack does not show them. `replaced`: its first message was deleted. `alerts`
    are those of its thread.
    """

    card: Card
    latest: Run | None = None
    owner: str = ""
    watch: Watch | None = None
    earlier: str = ""
    newer: str = ""
    replaced: bool = False
    alerts: ThreadAlerts | None = None


def card_message(run: Run, view: CardView, offered: Collection[str] = ()) -> Message:
    """The parent message of a run that heads the thread of an incident."""
    card = view.card
    if card.run != run.id:
        return _followed(run, view)
    if card.gone is not None:
        return _gone(run, view, card.gone)
    if not card.open:
        blocks, words = [section(_recovered(view))], f"{_end_plain(card)}: {card.gateway} on {card.cluster}"
        return _message(run, words, [*blocks, context(*_lines(view, None))])
    shown = view.latest
    if card.elsewhere or shown is None or shown.report is None:
        # The commands of an earlier result may be wrong by now.
        headline, words = _seen_elsewhere(card)
        row = [
            button("Re-check", "check_again", run.id),
            *_watch_button(run, view),
            button("Take it", "own", run.id),
            *_release(run, view),
        ]
        return _message(run, words, [section(headline), context(*_lines(view, None))], row)
    headline, words = headline_of(shown)
    path = [section(path_of(shown))] if shows_path(shown) else []
    blocks = [
        section(headline),
        *path,
        *next_actions(shown.id, shown.report, card.tried),
        context(*_lines(view, shown)),
    ]
    *row, menu = buttons_of(run, shown, offered)
    if view.watch is not None:
        row = [each for each in row if each["action_id"] != "watch"]
    return _message(run, words, blocks, [*row, *_release(run, view), menu])


def owner_messages(view: CardView) -> Iterator[Message]:
    """A line in the thread for each change of the owner; it mentions the previous one."""
    where = plain(f"{view.card.gateway} on {view.card.cluster}")
    for change in view.card.owners:
        words, line = _owner_change(change)
        yield Message(
            f"owner/{change.number}", notification(raw(f"{words}: {where}")), fitting([context(line)]), final=True
        )


def _message(run: Run, words: str, blocks: list[Block], row: Collection[Block] = ()) -> Message:
    closing = [actions(list(row))] if row else []
    in_thread = run.order.thread is not None or bool(run.order.card)
    return Message("parent", fallback(words), fitting(blocks, closing), thread=in_thread, final=True)


def _watch_button(run: Run, view: CardView) -> list[Block]:
    if view.watch is not None or view.card.verdict is Verdict.DEGRADED:
        return []
    label = "Watch until healthy" if view.card.verdict is Verdict.STARTING else "Watch until fixed"
    return [button(label, "watch", run.id)]


def _release(run: Run, view: CardView) -> list[Block]:
    return [button("Release", RELEASE, run.id)] if view.owner else []


def _followed(run: Run, view: CardView) -> Message:
    card = view.card
    where = f"<{view.newer}|a newer message>" if view.newer else "a newer message in this channel"
    line = raw(f"▫️ *Continued* in {where}: {_gateway(card)}")
    return _message(run, f"Continued in a newer message: {card.gateway} on {card.cluster}", [section(line)])


def _gone(run: Run, view: CardView, at: datetime) -> Message:
    card = view.card
    line = raw(f"▫️ *No longer exists:* {_gateway(card)} was not found {local_time(at, DATE_AND_TIME)}.")
    words = f"No longer exists: {card.gateway} on {card.cluster}"
    return _message(run, words, [section(line), context(*_lines(view, None))])


def _recovered(view: CardView) -> Escaped:
    card = view.card
    owner = f" · <@{view.owner}>" if view.owner else ""
    was = "; ".join(check_title(each) for each in card.was[:3])
    cause = f" · was {was}" if was else ""
    return raw(f"✅ *{_end(card)}*{owner}\n{_gateway(card)}{cause}")


def _end(card: Card) -> str:
    """How the incident ended, when, and how long it was."""
    return f"{end_word(card)} {local_time(card.ended or card.at, DATE_AND_TIME)} after {length_of(card)}"


def _end_plain(card: Card) -> str:
    return f"{end_word(card)} after {length_of(card)}"


def length_of(card: Card) -> str:
    """The length of an incident that has ended."""
    seconds = max(0.0, ((card.ended or card.at) - card.began).total_seconds())
    return short_duration(seconds) if seconds < 2 * 86400 else long_duration(seconds)


def end_word(card: Card) -> str:
    """The word for the end of an incident, by its worst verdict."""
    words = {Verdict.STARTING: "Started", Verdict.BROKEN: "Recovered"}
    return words.get(card.worst, "Healthy again")


def _seen_elsewhere(card: Card) -> tuple[Escaped, str]:
    """The result of a check outside this channel, of which the card has no report."""
    word, mark = VERDICTS[card.verdict], VERDICT_MARKS[card.verdict]
    impact = impact_of_checks(card.verdict, card.causes)
    first, *more = [
        f"{impact}: {headline_words(card.causes[0])}" if card.causes else impact,
        *map(check_title, card.causes[1:3]),
    ]
    rest = f"\n{'; '.join(more)}" if more else ""
    line = raw(f"{mark} *{first}*\n*{word}:* {_gateway(card)}{rest}\nRe-check to see the next steps.")
    return line, f"{first}. {card.gateway} on {card.cluster}"


def _lines(view: CardView, shown: Run | None) -> Iterator[Escaped]:
    """The context of a card; `shown` is the run whose result it shows."""
    card = view.card
    if shown is not None:
        yield progress_line(shown)
    if shown is not None and shown.report is not None:
        yield from _result(card, shown, shown.report)
    if shown is None or shown.ended is None or shown.ended < card.at:
        yield raw(f"Last check {local_time(card.at, DATE_AND_TIME)}")
    yield from _incident(card)
    if card.open:
        kept = " (as in the incident before)" if card.owners and card.owners[-1].kept else ""
        yield raw(f"🙋 Owner: <@{view.owner}>{kept}") if view.owner else raw("🙋 No owner")
    if view.watch is not None:
        yield raw(f"👀 Watched for <@{view.watch.user}> until {local_time(view.watch.until)}")
    if view.alerts is not None:
        yield from alert_line(view.alerts)
    if view.earlier:
        yield raw(f"↩️ Follows <{view.earlier}|an earlier message>")
    elif view.replaced:
        yield raw("↩️ The earlier message was deleted")


def _result(card: Card, shown: Run, report: Report) -> Iterator[Escaped]:
    """The context of a result: times, traffic, checks not made, and further steps."""
    if times := since_line(shown, report):
        yield times
    yield from traffic_lines(report)
    yield from reasons_not_to_check(report)
    if card.open:
        yield from list(others_tried(report, card.tried))[-3:]


def _incident(card: Card) -> Iterator[Escaped]:
    """The results of earlier checks of the incident."""
    if card.verdict is Verdict.INCONCLUSIVE and card.certain is not None and card.certain_at is not None:
        certain = f"{VERDICT_MARKS[card.certain]} {VERDICTS[card.certain].lower()}"
        yield raw(f"Last certain result: {certain} {local_time(card.certain_at, DATE_AND_TIME)}")
    if card.open and card.ended is not None:
        yield raw(f"✅ {_end(card)}")
    if card.times > 1:
        yield raw(f"🔁 Incident {card.times} in this thread, since {local_time(card.began, DATE_AND_TIME)}")


def _owner_change(change: OwnerChange) -> tuple[Escaped, Escaped]:
    """A change of the owner, in a notification and as a line of the thread."""
    at = local_time(change.at, DATE_AND_TIME)
    who = f"<@{change.user}>"
    if change.kept:
        return raw(f"{who} is still the owner"), raw(f"🙋 {who} is still the owner: the gateway failed again {at}.")
    lost = f" from <@{change.before}>" if change.before and change.before != change.user else ""
    how = {"handoff": " with the handoff", "home": " in the App Home"}.get(change.by, "")
    if not change.owner:
        whose = f" (owner: <@{change.before}>)" if lost else ""
        return raw(f"{who} released ownership"), raw(f"🙋 {who} released ownership{whose}{how} {at}: no owner.")
    return raw(f"{who} is the new owner"), raw(f"🙋 {who} took ownership{lost}{how} {at}.")


def _gateway(card: Card) -> Escaped:
    host = f" for {as_code(card.host)}" if card.host else ""
    client = f" from {as_code(card.client)}" if card.client else ""
    return raw(f"{as_code(card.gateway)} on {as_code(card.cluster)}{host}{client}")
