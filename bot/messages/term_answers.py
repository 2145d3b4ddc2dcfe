"""Answers that explain a term, offer an incident, or name what can be typed."""

from collections.abc import Sequence
from dataclasses import replace

from bot.grammar.commands import Mistake
from bot.messages.answers import COMMAND, mistake
from bot.messages.blocks import (
    Message,
    actions,
    as_code,
    button,
    fallback,
    fitting,
    notification,
    plain,
    prose,
    raw,
    section,
)
from bot.messages.headlines import name_of
from bot.messages.thread_answers import thread_answer
from checks.knowledge.terms import Term
from workers.records.run import Run, Target


def term_explained(term: Term) -> Message:
    """The one sentence about a term, with the page that explains it."""
    page = f"<{term.link}|Documentation>" if "://" in term.link else f"Documentation: {as_code(term.link)}"
    lines = raw(f"*{plain(term.name)}:* {prose(term.sentence)} {page}")
    return thread_answer(f"{term.name}: {term.sentence}", [section(lines)])


def ownership_offered(run: Run, giver: str, receiver: str) -> Message:
    """An offer of an incident to another user, who becomes its owner by the button."""
    name = as_code(name_of(run))
    words = raw(f"🙋 <@{giver}> offers the incident of {name} to <@{receiver}>. *Take it* makes you its owner.")
    closing = [actions([button("Take it", "own", run.id)])]
    offered = thread_answer(f"is offered the incident of {name_of(run)}", [section(words)], closing)
    return replace(offered, text=notification(raw(f"<@{receiver}> {offered.text}")))


def no_person_named() -> Message:
    """An offer whose receiver Slack has not made a mention."""
    words = "To whom? Choose the name that Slack offers after `@`, for example `@egress-diag hand it over to @name`."
    return mistake(Mistake(words))


def which_gateway_for(host: str, targets: Sequence[Target]) -> Message:
    """The gateways through which a host can be checked, in a place without a check."""
    commands = tuple(dict.fromkeys(f"{each} --host {host}" for each in targets))
    words = f"Through which gateway? `{COMMAND} <cluster> [<namespace>/]<gateway> --host {host}`"
    return mistake(Mistake(words, commands[:5]))


def handoff_draft(command: str) -> Message:
    """The draft of a handoff needs a form, which Slack opens only after a command or a press."""
    words = "The handoff is posted after you have seen its draft."
    row = actions([button("Open the draft", "suggestion/0", command)])
    return Message("draft", fallback(words), fitting([section(raw(words))], [row]), thread=False)


def not_understood_here(target: Target | None) -> Message:
    """Words that are no command, in a place without a check: three that work there."""
    last = (str(target),) if target is not None else ()
    offered = (*last, "list", "help", "digest list")[:3]
    return mistake(Mistake("Not understood. Here, you can type:", offered))
