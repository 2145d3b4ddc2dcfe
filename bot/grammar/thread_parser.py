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
    RequestStepHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
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
    WatchHere(DEFAULT_WATCH): (
        f"(?:keep )?watch(?:ing)?(?: {_IT})?(?: until (?:it is )?(?:fixed|healthy))?",
        f"(?:(?:tell|notify|ping) (?:me|us) )?when (?:it|this)(?:s| is) {_STATE}",
    ),
    AskHere(ThreadQuestion.THANKS): ("(?:many )?(?:thanks|thank you|thx|ty|cheers|great|perfect|nice)(?: .*)?",),
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
    return _step(words) or _question(" ".join(words))


def _span_of_watch(words: list[str]) -> str | None:
    """The duration after `watch`, "watch it for" and the like; None without one."""
    match words:
        case ["watch", span] if span[:1].isdigit():
            return span
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
        case ["restart", deployment]:
            return RequestStepHere(ActionKind.RESTART, deployment)
        case _:
            return None
