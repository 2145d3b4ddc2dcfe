"""A watch as messages in a thread: its status line, a message per change, and the end."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import zip_longest

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
    plain,
    prose,
    raw,
    section,
)
from bot.messages.phrases import VERDICT_MARKS, local_time, short_duration, since_when
from checks.model.findings import Verdict
from checks.reports.wording import VERDICTS, plural
from workers.records.run import Target
from workers.records.watch import PASSES_TO_FIX, Watch, WatchCheck, WatchState

EDIT_SECONDS = 10.0
"""Seconds between two edits of the status line."""


def watch_messages(watch: Watch, interval: timedelta) -> tuple[Message, ...]:
    """Every message that should exist for the current state of the watch.

    `interval` is the time between two checks.
    """
    found = [_status(watch, interval)]
    if watch.state.ended:
        found.append(watch_end(watch))
    found += _changes(watch)
    return tuple(found)


def watch_elsewhere(watch: Watch, interval: timedelta, fix: str) -> Message:
    """The state of a watch whose channel the bot cannot post in, for its person alone.

    `fix` says what keeps the bot from it, as a clause of our own.
    """
    message = watch_end(watch) if watch.state.ended else _status(watch, interval)
    reason = context(raw(f"The bot cannot post in <#{watch.channel}>: {prose(fix)}."))
    return Message(
        "elsewhere", f"{message.text} (The bot cannot post in the channel.)", (*message.blocks, reason), thread=False
    )


def _status(watch: Watch, interval: timedelta) -> Message:
    name, where = _names(watch.target)
    every = short_duration(interval.total_seconds())
    if watch.state.ended:
        heading = f"👀 Watched {where} from {local_time(watch.began)} to {local_time(watch.ended or watch.until)}"
    else:
        heading = f"👀 *Watching* {where} every {every} until {local_time(watch.until)}"
    details = [f"<@{watch.user}>", plural(watch.checks, "check")]
    if watch.last is not None and not watch.state.ended:
        details.append(f"{local_time(watch.last.at)}: {_outcome(watch.last)}")
        if watch.passed:
            details.append(f"passed {watch.passed} of {PASSES_TO_FIX} in a row")
    buttons = [] if watch.state.ended else [button("Stop watching", "unwatch", watch.id)]
    blocks = [section(raw(heading)), context(raw(" · ".join(details)))]
    text = f"Watched {name}" if watch.state.ended else f"Watching {name} until it is healthy"
    return Message(
        "watch",
        fallback(text),
        fitting(blocks, [actions(buttons)] if buttons else []),
        every=0.0 if watch.state.ended or watch.checks < 2 else EDIT_SECONDS,
    )


def _changes(watch: Watch) -> Iterator[Message]:
    """A message for each change, unless another check has reported it.

    The first check is one if it differs from the last result in the thread.
    """
    name, where = _names(watch.target)
    if watch.changes and (first := watch.changes[0]).news:
        line = raw(f"*Changed:* {where} is now {_outcome(first)}, {local_time(first.at)}")
        text = f"Changed: {name} is now {_verdict(first)}"
        yield Message("change/0", fallback(text), fitting([section(line), *_causes(first)]))
    for number, (before, check) in enumerate(zip(watch.changes, watch.changes[1:], strict=False), start=1):
        if check.reported:
            continue
        was, now = _outcome(before), _outcome(check)
        text = f"{name}: was {_verdict(before)}, now {_verdict(check)}"
        line = raw(f"{where} was {was} at {local_time(before.at)}, now {now} at {local_time(check.at)}")
        yield Message(f"change/{number}", fallback(text), fitting([section(line), *_causes(check)]))


def watch_end(watch: Watch) -> Message:
    """The result of a watch, which mentions its person."""
    name, where = _names(watch.target)
    who = raw(f"<@{watch.user}>")
    last = watch.last
    match watch.state:
        case WatchState.FIXED:
            at = f" at {local_time(watch.changes[-1].at)}" if watch.changes else ""
            result, head = _recovery(watch, at)
            passed = f"passed {plural(PASSES_TO_FIX, 'check')} in a row"
            warnings = " Warnings remain." if last is not None and last.verdict is Verdict.DEGRADED else ""
            traffic = f" {last.traffic}." if last is not None and last.traffic else ""
            line = raw(f"✅ *{head}:* {where} {passed}.{warnings}{plain(traffic)} {who}")
            text = f"{result}: {name} {passed}"
        case WatchState.STOPPED:
            line = raw(f"▫️ <@{watch.stopped_by}> stopped the watch of {where}. {_last(last)}")
            text = f"Watch stopped: {name}. {_last_plain(last)}"
        case _:
            line = raw(f"⌛ *Watch ended:* {where}. {_last(last)} {who}")
            text = f"Watch ended: {name}. {_last_plain(last)}"
    blocks = [section(line)]
    if last is not None and not last.passed:
        blocks += _causes(last)
    row = [button("Re-check", "check_again", last.run)] if last is not None else []
    return Message("end", fallback(text), fitting(blocks, [actions(row)] if row else []), final=True)


def _recovery(watch: Watch, at: str) -> tuple[str, str]:
    """How the gateway became healthy, in plain text and as the heading."""
    before = {check.verdict for check in watch.changes if not check.passed}
    if not before:
        return "Healthy", "Healthy throughout the watch"
    return ("Started", f"Started{at}") if before == {Verdict.STARTING} else ("Recovered", f"Recovered{at}")


def _last(check: WatchCheck | None) -> str:
    return f"Last check at {local_time(check.at)}: {_outcome(check)}." if check is not None else "No check was made."


def _last_plain(check: WatchCheck | None) -> str:
    return f"Last check: {_verdict(check)}." if check is not None else "No check was made."


def _causes(check: WatchCheck) -> list[Block]:
    times = [f" · {since_when(each)}" for each in check.beginnings]
    rows = [
        f"• {plain(cause)}{time}" for cause, time in zip_longest(check.causes, times[: len(check.causes)], fillvalue="")
    ]
    return [context(raw("\n".join(rows[:10])))] if rows else []


def _outcome(check: WatchCheck) -> Escaped:
    mark = VERDICT_MARKS[check.verdict] if check.verdict is not None else "❔"
    traffic = f" ({plain(check.traffic)})" if check.traffic_fails else ""
    return raw(f"{mark} {_verdict(check)}{traffic}")


def _verdict(check: WatchCheck) -> str:
    return VERDICTS[check.verdict].lower() if check.verdict is not None else "not checked"


def _names(target: Target) -> tuple[str, Escaped]:
    """The host if one is watched, the gateway and its cluster, in plain text and in mrkdwn."""
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    host, shown = (f"{target.host} through ", f"{as_code(target.host)} through ") if target.host else ("", "")
    return f"{host}{name} on {target.cluster}", raw(f"{shown}{as_code(name)} on {as_code(target.cluster)}")
