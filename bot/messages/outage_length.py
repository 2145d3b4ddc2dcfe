"""How long a gateway, or a host through it, was broken, and why."""

from datetime import datetime

from bot.messages.blocks import Escaped, Message, as_code, raw, section
from bot.messages.gateway_lines import gateway_on
from bot.messages.headlines import name_of
from bot.messages.phrases import DATE_AND_TIME, VERDICT_MARKS, check_title, local_time, short_duration
from bot.messages.thread_answers import thread_answer
from checks.reports.wording import VERDICTS, acting_causes
from workers.records.present import PresentState

_SHORT = "less than a minute"


def how_long_broken(present: PresentState) -> Message:
    """The duration of the current or last incident of the gateway, as its card shows it."""
    run, state, card = present.run, present.state, present.card
    host = f"{as_code(card.host)} through " if card is not None and card.host else ""
    name = raw(f"{host}{gateway_on(run.order.target.cluster, name_of(run))}")
    if card is not None:
        began, ended = card.began, card.ended
    elif state is not None and (state.incident_since is not None or state.broken):
        began, ended = state.incident_since or state.since, state.incident_ended
    else:
        words = f"No outage of {name_of(run)} is recorded"
        known = f" since {_time(state.known_since)}" if state is not None and state.known_since is not None else ""
        return thread_answer(words, [section(raw(f"✅ No outage of {name} is recorded{known}."))])
    if ended is None:
        return _not_over(present, name, began)
    words = f"It lasted {_length(began, ended)}"
    worst = VERDICTS[card.worst].lower() if card is not None and not card.host else "broken"
    line = raw(f"✅ *{words}:* {name} was {worst} from {_time(began)} to {_time(ended)}.")
    return thread_answer(f"{words}: {name_of(run)}", [section(line)])


def why_it_was_broken(present: PresentState) -> Message | None:
    """The causes of the last incident of a gateway, or host, that works now; None without one."""
    run, card = present.run, present.card
    if not present.serves or card is None or card.ended is None or not card.was:
        return None
    name = raw(f"{as_code(card.host)} through {as_code(card.gateway)}") if card.host else as_code(card.gateway)
    worst = "failing" if card.host else VERDICTS[card.worst].lower()
    lines = [raw(f"✅ *Nothing fails now.* {name} was {worst} from {_time(card.began)} to {_time(card.ended)}:")]
    lines += [raw(f"• {check_title(each)}") for each in card.was[:_MOST_CAUSES]]
    titles = ", ".join(map(str, (check_title(each) for each in card.was[:1])))
    return thread_answer(f"It was: {titles}. {name_of(run)}", [section(raw("\n".join(lines)))])


_MOST_CAUSES = 8
"""Causes of an incident that an answer lists."""


def _not_over(present: PresentState, name: Escaped, first_seen: datetime) -> Message:
    """An incident that has not ended, from the time that the cluster shows for its causes."""
    causes = acting_causes(present.report) if present.report is not None else ()
    shown = min((each.since for each in causes if each.since is not None), default=None)
    began = min(first_seen, shown) if shown is not None else first_seen
    length = _length(began, present.at)
    if shown is None and length != _SHORT:
        length = f"at least {length}"
    card = present.card
    word = (
        "Failing" if card is not None and card.host else VERDICTS[card.worst if card is not None else present.verdict]
    )
    words = f"{word} for {length}"
    since = "since" if shown is not None else "first seen"
    line = raw(f"{VERDICT_MARKS[present.verdict]} *{words}, not over:* {name}, {since} {_time(began)}.")
    return thread_answer(f"{words}, not over: {name_of(present.run)}", [section(line)])


def _length(began: datetime, ended: datetime) -> str:
    seconds = max(0.0, (ended - began).total_seconds())
    return short_duration(seconds) if seconds >= 60 else _SHORT


def _time(moment: datetime) -> Escaped:
    return local_time(moment, DATE_AND_TIME)
