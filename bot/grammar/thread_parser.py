"""The parser of thread commands and questions.

Slack has no slash commands in threads, so they are mentions: `@egress-diag again`, `@egress-diag what changed?`
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ListCommands,
    Mistake,
    OfferOwnership,
    OwnHere,
    RequestStepHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
from bot.grammar.free_questions import code_in, free_question, without_typing_errors
from bot.grammar.host_questions import host_question, is_host
from bot.grammar.ownership_offers import offered_to
from bot.grammar.spelling import with_chat_words
from bot.grammar.step_parser import PROBES
from bot.grammar.term_questions import term_of_the_check, term_question
from bot.grammar.topic import is_about_checks
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
_ENDINGS = re.compile(r"(?: (?:please|pls|thanks|thank you|thx|now|yet|here|exactly|today|again))+$")

_IT = r"(?:it|this|that|the (?:gateway|incident|problem|host))"
_INCIDENT = r"(?:it|this|that|the (?:incident|problem))"
_STATE = r"(?:fixed|healthy|ok|okay|up|down|back|broken|working|good|resolved|recovered)"
_CHECK = r"(?:check|look|try|run|test)"
_AGAIN = r"(?:again|once more|one more time|another time)"

_PHRASES: Mapping[ThreadCommand, tuple[str, ...]] = {
    CheckAgain(): (
        "again|once more|recheck|re check|retry|rerun|re run|rescan",
        rf"(?:i (?:have |ve )?(?:fixed|changed|patched) {_IT} )?(?:and )?{_CHECK}(?: at)?(?: {_IT}| the check)? {_AGAIN}",
        "(?:do|run|start|make) (?:another|a new|one more) (?:check|run|test)",
        "(?:check|test)(?: it| this)?",
    ),
    StopHere(): (
        "stop|cancel|unwatch",
        "(?:stop|cancel|end) (?:it|this|watching(?: it| this)?|the (?:watch|check|run))|be quiet|quiet|shut up",
    ),
    ListCommands(): (
        "(?:list )?(?:all )?(?:the )?(?:copy paste )?commands?(?: to copy)?",
        "(?:what|which commands?) (?:do|should|can) (?:i|we) (?:have to |need to )?(?:run|type|copy)",
        "(?:the )?(?:yaml|manifests?)",
    ),
    OwnHere(): (
        "(?:i (?:ll |will )?|ill |let me )?(?:take|took|have|got|own|handle) (?:it|this|that|over)|(?:its )?mine",
        "(?:i m |im )?taking (?:it|this)(?: over)?|(?:(?:i m|im|i am) )?on (?:it|this)|(?:assign|give) (?:it|this) to me",
        "ack|acked|acknowledged?|(?:i )?claim(?: it| this)?|assign(?: to)? me",
    ),
    OwnHere(release=True): (
        "(?:i )?release(?: it| this)?|(?:i )?give it (?:back|up)",
        "not (?:mine|my (?:problem|job|incident))(?: anymore| any more)?",
        "(?:i )?(?:let|leave|drop)(?: it| this| go| it go)|unassign(?: me)?|un ?own(?: it)?",
        "i (?:can ?t|can ?not|no longer) (?:take|have|own|do) (?:it|this)(?: anymore| any more)?",
    ),
    WatchHere(DEFAULT_WATCH): (
        f"(?:keep )?watch(?:ing)?(?: {_IT})?(?: until (?:it is )?(?:fixed|healthy))?",
        f"(?:(?:tell|notify|ping) (?:me|us) )?when (?:it|this)(?:s| is) {_STATE}",
        "(?:tell|notify|ping|inform|message|let|alert|call|page|remind) (?:me|us)(?: know)? (?:when|once|if|as soon as) .*",
        "(?:keep (?:me|us) posted|watch(?:ing)? until it ?i?s (?:fixed|healthy|back))",
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
        f"(?:is|are) (?:{_INCIDENT}|we) (?:still )?{_STATE}",
        f"does {_IT} work|still broken|fixed|status|state",
        f"how(?:s| is) {_IT}|what(?:s| is) the (?:status|state)",
    ),
    ExplainFindings(): (
        "why(?: .*)?|what happened|explain(?: .*)?|(?:root )?causes?",
        "what(?:s| is| was) (?:wrong|broken|failing|happening)(?: .*)?|what (?:broke|fails|failed)",
        "what(?:s| is| was) the (?:(?:root )?cause|problem)",
    ),
}
"""The phrases of each command, as regular expressions of whole texts without punctuation."""

_PATTERNS = tuple((command, re.compile("|".join(phrases))) for command, phrases in _PHRASES.items())


def parse_thread_command(text: str, names: Collection[str] = ()) -> ThreadCommand | Mistake | None:
    """The thread command or question in a mention, or None.

    `names` are those of the check in the thread, which questions contain.
    """
    if (person := offered_to(text[:MAX_CHARACTERS])) is not None:
        return OfferOwnership(person)
    typed = words_of(without_command(without_mention(text[:MAX_CHARACTERS])))
    words = [word for word in (each.lower().strip(".,!?;:") for each in typed) if word]
    if (span := _span_of_watch(words)) is not None:
        found = watch_duration(span)
        return found if isinstance(found, Mistake) else WatchHere(found)
    if (traced := host_question(typed)) is not None:
        same = _question(with_chat_words(" ".join("it" if is_host(word) else word for word in words)))
        return replace(traced, otherwise=same or AskHere(ThreadQuestion.FIXED))
    asked = with_chat_words(" ".join(words))
    if (term := term_question(_normal(asked))) is not None:
        return term
    phrase = _step(words) or _question(asked)
    if phrase is None:
        return _freely(text, asked, names) or term_of_the_check(_normal(asked))
    return _about_code(phrase, asked) if _is_meant(phrase, asked, names) else None


def _is_meant(found: ThreadCommand, asked: str, names: Collection[str]) -> bool:
    """Whether a phrase that ends with any words is about the check."""
    anything = RequestStepHere | AskHere if found == AskHere(ThreadQuestion.THANKS) else RequestStepHere
    return isinstance(found, anything) or bool(code_in(asked)) or is_about_checks(without_typing_errors(asked), names)


def meant_command(text: str) -> str:
    """The command that a misspelled text means.

    It may start or stop something, so it is only offered.
    """
    meant = without_typing_errors(without_command(without_mention(text[:MAX_CHARACTERS])), more=1)
    found = _step(meant.split()) or _question(meant)
    return meant if found is not None and not isinstance(found, _READ_ONLY) and _is_meant(found, meant, ()) else ""


_READ_ONLY = (AskHere, ExplainFindings, ListCommands)


def _about_code(found: ThreadCommand, asked: str) -> ThreadCommand:
    return ExplainFindings(code_in(asked)) if isinstance(found, ExplainFindings) else found


def _freely(text: str, asked: str, names: Collection[str]) -> ThreadCommand | None:
    """The question in a text that is no whole phrase; typing errors do not count."""
    if code := code_in(asked):
        return ExplainFindings(code)
    if "👍" in text or "🙏" in text:
        return AskHere(ThreadQuestion.THANKS)
    spelled = without_typing_errors(asked)
    phrase = _question(spelled)
    if isinstance(phrase, _READ_ONLY) and _is_meant(phrase, spelled, names):
        return phrase
    match free_question(asked, names):
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
                return _after_thanks(typed) or command if command == AskHere(ThreadQuestion.THANKS) else command
    return None


_THANKS_BEFORE = re.compile(
    r"^(?:(?:ok|okay|many|thanks|thank you|thx|ty|great|perfect|nice|cool) )+"
    r"(?=(?:but|and|so|now|what|why|who|how|when|which|is|does|can|i)\b)"
)
"""Words of thanks before a question."""


def _after_thanks(typed: str) -> ThreadCommand | None:
    rest = _THANKS_BEFORE.sub("", typed)
    return _question(rest) if rest != typed else None


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
