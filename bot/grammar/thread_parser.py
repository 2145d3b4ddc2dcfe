"""The parser of thread commands and questions.

Slack has no slash commands in threads, so they are mentions: `@egress-diag again`, `@egress-diag what changed?`
"""

import re
from collections.abc import Mapping

from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ListCommands,
    Mistake,
    OwnHere,
    RequestStepHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
from bot.grammar.free_questions import code_in, free_question, without_typing_errors
from bot.grammar.step_parser import PROBES
from bot.grammar.words import (
    DEFAULT_WATCH,
    MAX_CHARACTERS,
    is_duration,
    watch_duration,
    without_command,
    without_mention,
    words_of,
)
from checks.actions.plan import ActionKind

_POLITE = re.compile(
    r"^(?:(?:hi|hey|hello|ok|okay|so|and|but|please|pls|can you|could you|would you|show me|show|tell me|give me) )+"
)
_ENDINGS = re.compile(r"(?: (?:please|pls|thanks|thank you|thx|now|yet|here|exactly|today))+$")

_IT = r"(?:it|this|that|the (?:gateway|incident|problem|host))"
_STATE = r"(?:fixed|healthy|ok|okay|up|down|back|broken|working|good|resolved|recovered)"

_PHRASES: Mapping[ThreadCommand, tuple[str, ...]] = {
    CheckAgain(): (
        "again|recheck|re check|retry",
        "(?:check|try|run|test)(?: it| this)? again",
        "check(?: it| this)?",
    ),
    StopHere(): (
        "stop|cancel|unwatch",
        "(?:stop|cancel|end) (?:it|this|watching|the (?:watch|check|run))",
    ),
    ListCommands(): (
        "(?:the )?commands?(?: to copy)?",
        "(?:what|which commands?) (?:do|should|can) (?:i|we) (?:run|type|copy)",
    ),
    OwnHere(): (
        "(?:i (?:ll |will )?|ill |let me )?(?:take|took|have|got|own) (?:it|this|that|over)|(?:its )?mine",
        "(?:i m |im )?taking (?:it|this)(?: over)?|(?:i m|im|i am) on (?:it|this)|assign (?:it|this) to me",
    ),
    OwnHere(release=True): ("(?:i )?release(?: it| this)?|not mine(?: anymore| any more)?|(?:i )?give it back",),
    WatchHere(DEFAULT_WATCH): (
        f"(?:keep )?watch(?:ing)?(?: {_IT})?(?: until (?:it is )?(?:fixed|healthy))?",
        f"(?:(?:tell|notify|ping) (?:me|us) )?when (?:it|this)(?:s| is) {_STATE}",
        "(?:tell|notify|ping|inform|message|let) (?:me|us)(?: know)? (?:when|once|if|as soon as) .*",
        "keep an eye on .*|monitor(?: it| this)?|follow it",
    ),
    AskHere(ThreadQuestion.THANKS): (
        "(?:(?:ok|okay|super|many) )*(?:thanks|thank you|thx|ty|cheers|great|perfect|nice|cool|awesome)(?: .*)?",
        "ok|okay|got it|understood|never ?mind|good bot|lgtm",
    ),
    AskHere(ThreadQuestion.REPORT): ("(?:the )?(?:full )?report",),
    AskHere(ThreadQuestion.OWNER): (
        f"who (?:has|owns|took|takes) {_IT}",
        f"who(?: i)?s (?:on|owning|the owner of) {_IT}",
        "who(?: i)?s (?:the )?owner|owner",
    ),
    AskHere(ThreadQuestion.GATEWAY_OR_HOST): (
        "(?:is )?(?:it |this )?(?:the )?gateway or (?:the )?(?:host|destination)",
        "(?:is )?(?:it |this )?(?:the )?(?:host|destination) or (?:the )?gateway",
        "is (?:it|this) (?:the |our )?(?:gateway|host|destination|side|us|them|fault)(?: or .*)?",
    ),
    AskHere(ThreadQuestion.CHANGED): (
        "what(?:s| is| has| have)?(?: been)? changed?(?: .*)?",
        "what(?:s| is) (?:different|new)|changes?|diff",
    ),
    AskHere(ThreadQuestion.NEXT): (
        "(?:what(?:s| is)? )?next(?: steps?)?|what now|now what",
        "what (?:do|should|can) (?:i|we) do(?: .*)?",
        f"how (?:do|can|should) (?:i|we) fix {_IT}",
        f"how to fix(?: {_IT})?|(?:the )?fix|recipe|steps",
    ),
    AskHere(ThreadQuestion.FIXED): (
        f"(?:is|are) (?:{_IT}|we) (?:still )?{_STATE}",
        f"does {_IT} work|still broken|fixed|status|state",
        f"how(?:s| is) {_IT}|what(?:s| is) the (?:status|state)",
    ),
    ExplainFindings(): (
        "why(?: .*)?|what happened|explain(?: .*)?|(?:root )?causes?",
        "what(?:s| is| was) (?:wrong|broken|failing|happening)(?: .*)?",
        "what(?:s| is| was) the (?:(?:root )?cause|problem)",
    ),
}
"""The phrases of each command, as regular expressions of whole texts without punctuation."""

_PATTERNS = tuple((command, re.compile("|".join(phrases))) for command, phrases in _PHRASES.items())


def parse_thread_command(text: str) -> ThreadCommand | Mistake | None:
    """The thread command or question in a mention, or None: then it may be a slash command."""
    typed = words_of(without_command(without_mention(text[:MAX_CHARACTERS])))
    words = [word for word in (each.lower().strip(".,!?;:") for each in typed) if word]
    if (span := _span_of_watch(words)) is not None:
        found = watch_duration(span)
        return found if isinstance(found, Mistake) else WatchHere(found)
    asked = " ".join(words)
    phrase = _step(words) or _question(asked)
    return _about_code(phrase, asked) if phrase is not None else _freely(text, asked)


def meant_command(text: str) -> str:
    """The command that a misspelled text means.

    It may start or stop something, so it is only offered.
    """
    meant = without_typing_errors(without_command(without_mention(text[:MAX_CHARACTERS])), cutoff=_OFFERED)
    found = _step(meant.split()) or _question(meant)
    return meant if found is not None and not isinstance(found, _READ_ONLY) else ""


_OFFERED = 0.74
"""The similarity of a misspelled word from which a command is offered."""

_READ_ONLY = (AskHere, ExplainFindings, ListCommands)


def _about_code(found: ThreadCommand, asked: str) -> ThreadCommand:
    return ExplainFindings(code_in(asked)) if isinstance(found, ExplainFindings) else found


def _freely(text: str, asked: str) -> ThreadCommand | None:
    """The question in a text that is no whole phrase; typing errors do not count."""
    if code := code_in(asked):
        return ExplainFindings(code)
    if "👍" in text or "🙏" in text:
        return AskHere(ThreadQuestion.THANKS)
    corrected = _question(without_typing_errors(asked))
    if isinstance(corrected, _READ_ONLY):
        return corrected
    match free_question(asked):
        case None:
            return None
        case ThreadQuestion.WHY:
            return ExplainFindings()
        case ThreadQuestion.COMMANDS:
            return ListCommands()
        case question:
            return AskHere(question)


_NO_NAMES = ("safe", "safely", "now", "that", "again", "please", "them", "what", "why", "help", "helps")
"""Words after `restart` that are no name of a Deployment."""


def _span_of_watch(words: list[str]) -> str | None:
    """The duration after `watch`, "watch it for" and the like; None without one."""
    match words:
        case ["watch", span] if span[:1].isdigit():
            return span
        case [*first, number, unit] if number.isdigit() and unit.isalpha() and is_duration(f"{number}{unit}"):
            return _span_of_watch([*first, f"{number}{unit}"])
        case ["watch", *between, span] if is_duration(span) and " ".join(between) in (
            "for",
            "it for",
            "this for",
            "it",
        ):
            return span
        case _:
            return None


def _question(asked: str) -> ThreadCommand | None:
    """The command or question in these words; words of courtesy do not count."""
    plain = _normal(asked)
    for typed in dict.fromkeys((plain, _POLITE.sub("", plain), _ENDINGS.sub("", _POLITE.sub("", plain)))):
        for command, pattern in _PATTERNS:
            if pattern.fullmatch(typed):
                return command
    return None


def _normal(typed: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", typed).split())


def _step(words: list[str]) -> RequestStepHere | None:
    """The active step in the words, or None."""
    match words:
        case ["probe"]:
            return RequestStepHere(ActionKind.PROBE_POD)
        case ["probe", where] if where in PROBES:
            return RequestStepHere(PROBES[where])
        case ["restart"]:
            return RequestStepHere(ActionKind.RESTART)
        case ["probe", "from", where] if where in PROBES:
            return RequestStepHere(PROBES[where])
        case ["probe", "it" | "this" | "again"]:
            return RequestStepHere(ActionKind.PROBE_POD)
        case ["restart", "it" | "this" | "gateway"] | ["restart", "the", "gateway"]:
            return RequestStepHere(ActionKind.RESTART)
        case ["restart", deployment] if deployment not in _NO_NAMES:
            return RequestStepHere(ActionKind.RESTART, deployment)
        case _:
            return None
