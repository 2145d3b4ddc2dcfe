"""A watch as messages in a thread: one line that is edited, a message for each change, and the end, which mentions whoever
asked."""

from collections.abc import Iterator
from datetime import timedelta

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
    raw,
    section,
)
from bot.messages.phrases import VERDICT_MARKS, local_time, short_duration
from checks.model.findings import Verdict
from checks.reports.wording import VERDICTS
from workers.runs.records import Target, Watch, WatchCheck, WatchState
from workers.runs.watches import PASSES_TO_FIX

EDIT_SECONDS = 10.0
"""Seconds between two edits of the line that tells how a watch goes."""


def watch_messages(watch: Watch, interval: timedelta) -> tuple[Message, ...]:
    """Every message that should exist for the watch as it stands."""
    found = [_status(watch, interval)]
    if watch.state.ended:
        found.append(_end(watch))
    found += _changes(watch)
    return tuple(found)


def _status(watch: Watch, interval: timedelta) -> Message:
    name, where = _names(watch.target)
    every = short_duration(interval.total_seconds())
    if watch.state.ended:
        heading = f"👀 Watched {where} from {local_time(watch.began)} to {local_time(watch.ended or watch.until)}"
    else:
        heading = f"👀 *Watching* {where} every {every} until {local_time(watch.until)}"
    details = [f"<@{watch.user}>", f"{watch.looks} looks" if watch.looks != 1 else "1 look"]
    if watch.last is not None and not watch.state.ended:
        details.append(f"{local_time(watch.last.at)}: {_outcome(watch.last)}")
        if watch.good:
            details.append(f"{watch.good} of {PASSES_TO_FIX} good in a row")
    buttons = [] if watch.state.ended else [button("Stop watching", "unwatch", watch.id)]
    blocks = [section(raw(heading)), context(raw(" · ".join(details)))]
    words = f"Watched {name}" if watch.state.ended else f"Watching {name} until it works"
    return Message(
        "watch",
        fallback(words),
        fitting(blocks, [actions(buttons)] if buttons else []),
        every=0.0 if watch.state.ended or watch.looks < 2 else EDIT_SECONDS,
    )


def _changes(watch: Watch) -> Iterator[Message]:
    """A message for each change; the first look is only where to compare from."""
    name, where = _names(watch.target)
    for number, (before, look) in enumerate(zip(watch.changes, watch.changes[1:], strict=False), start=1):
        was, now = _outcome(before), _outcome(look)
        text = f"{name}: was {_word(before)}, now {_word(look)}"
        line = raw(f"{where} was {was} at {local_time(before.at)}, now {now} at {local_time(look.at)}")
        yield Message(f"change/{number}", fallback(text), fitting([section(line), *_causes(look)]))


def _end(watch: Watch) -> Message:
    name, where = _names(watch.target)
    who = raw(f"<@{watch.user}>")
    last = watch.last
    match watch.state:
        case WatchState.FIXED:
            since = f" since {local_time(watch.changes[-1].at)}" if watch.changes else ""
            was_bad = any(not look.good for look in watch.changes)
            word, text = ("fixed", "Fixed") if was_bad else ("works, and worked all the time", "Works")
            warns = " It still warns." if last is not None and last.verdict is Verdict.DEGRADED else ""
            line = raw(f"✅ {who} *{word}:* {where} is good{since}, {PASSES_TO_FIX} looks in a row.{warns}")
            words = f"{text}: {name} is good, {PASSES_TO_FIX} looks in a row"
        case WatchState.STOPPED:
            line = raw(f"▫️ <@{watch.stopped_by}> stopped the watch of {where}. {_last(last)}")
            words = f"Stopped: the watch of {name}. {_last_words(last)}"
        case _:
            line = raw(f"⌛ {who} *time is up:* {where}. {_last(last)}")
            words = f"Time is up: the watch of {name}. {_last_words(last)}"
    blocks = [section(line)]
    if last is not None and not last.good:
        blocks += _causes(last)
    row = [button("Check again", "check_again", last.run)] if last is not None else []
    return Message("end", fallback(words), fitting(blocks, [actions(row)] if row else []), final=True)


def _last(last: WatchCheck | None) -> str:
    return f"Last look at {local_time(last.at)}: {_outcome(last)}." if last is not None else "It was not looked at yet."


def _last_words(last: WatchCheck | None) -> str:
    return f"Last look: {_word(last)}." if last is not None else "It was not looked at yet."


def _causes(look: WatchCheck) -> list[Block]:
    return [context(raw("\n".join(f"• {plain(cause)}" for cause in look.causes[:10])))] if look.causes else []


def _outcome(look: WatchCheck) -> Escaped:
    mark = VERDICT_MARKS[look.verdict] if look.verdict is not None else "❔"
    return raw(f"{mark} {_word(look)}")


def _word(look: WatchCheck) -> str:
    return VERDICTS[look.verdict].lower() if look.verdict is not None else "not checked"


def _names(target: Target) -> tuple[str, Escaped]:
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    return f"{name} on {target.cluster}", raw(f"{as_code(name)} on {as_code(target.cluster)}")
