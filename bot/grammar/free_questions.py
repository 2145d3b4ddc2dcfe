"""Questions in a thread as people phrase them freely, also with typing errors.

Whole phrases are in `thread_parser`; only they start or stop something. Here, words anywhere in a text decide, and the
answer only shows what is known.
"""

import difflib
import re

from bot.grammar.commands import ThreadQuestion as Ask

_NOT = r"(?:did|does|do|is|was|were|has)n ?t"
_CHANGED = r"(?:chang|deploy|edit|modif|upgrad|differ)"
_BEGAN = r"(?:start|begin|began|break|broke|fail|happen|healthy|work|down|stop|last)"
_WORKING = r"(?:has|owns?|owner|on|working|works|handling|handles|looking|responsible|assigned|taking|took)\b"
_PLACE = r"(?:hosts?|destinations?|gateways?|clusters?|namespaces?|clients?|one|gw|egress gateways?)\b"
_PART = r"(?:gateway|host|destination|network|firewall|dns|us|our|them|their|side|azure|istio|nsg|tls|certificate|kubernetes)\b"

_RULES: tuple[tuple[Ask, str], ...] = (
    (
        Ask.RAN,
        r"^i (?:just |have |ve )?(?:ran|run|did|applied|executed|tried|restarted|patched) |^(?:all )?done$|^ran it",
    ),
    (Ask.HELP, r"what can (?:you do|i ask)|how (?:do|does) (?:you|this bot) work|how does this work"),
    (Ask.UNDO, r"undo|roll ?back|revert|take (?:it|that) back"),
    (Ask.RESTART, r"restart|reboot|bounce|\bsafe(?:ly)?\b|danger|risky|downtime|interrupt|outage"),
    (Ask.RESTART, r"^what (?:does|will|would|happens).*\b(?:fix|step|run|apply)\b"),
    (
        Ask.TRIED,
        r"(?:what|who|which|already|been|ever).*\b(?:tried|try)\b|what was done|what (?:did|have) (?:we|they) do",
    ),
    (Ask.FIXED, r"^(?:did|has|does) (?:it|that|this) (?:work|help|fix|recover)|nothing changed|back to normal"),
    (Ask.FIXED, rf"{_NOT} (?:work|help|fix)|(?:not|isn ?t) (?:working|fixed|healthy|helping)|works? (?:now|again)"),
    (Ask.FIXED, r"still (?:broken|down|failing|fails|not|bad|red|happening|open)|any (?:update|news|progress)"),
    (Ask.FIXED, r"^(?:update|news|refresh)s?$|^(?:is )?all good|\beta\b|is it starting"),
    (Ask.FIXED, r"^is (?:egress|everything|all)\b.*\b(?:ok|okay|fine|good|up|back|working|healthy|fixed)"),
    (Ask.FIXED, r"how long (?:does|will|until|before|to)"),
    (Ask.FIXED, r"when (?:will|is|can).*\b(?:ready|done|fixed|back|up|healthy|over|start)"),
    (Ask.CHANGED, r"when (?:did|was|has) .*\bchange"),
    (Ask.CHANGED, rf"^(?:who|did|has|have|was|is|any|what|which|recent|show)\b.*\b{_CHANGED}"),
    (Ask.HISTORY, r"history|(?:happen|seen|occur)\w* before|earlier (?:incident|run|check)|how often|recur|previous"),
    (Ask.SINCE, r"since when|how long"),
    (Ask.SINCE, rf"when (?:did|was|were|has|is)\b.*\b{_BEGAN}"),
    (Ask.NOT_CHECKED, rf"(?:\bnot|{_NOT}) .*\bcheck|what (?:did you|have you|was|is|were) .*check|what .*checked"),
    (Ask.NOT_CHECKED, r"\bsure\b|certain|confiden|missing|coverage|what do(?:n ?t| not) you know"),
    (Ask.AFFECTED, r"affect|impact|who else|what else|anything else|how bad|blast radius|severity"),
    (Ask.AFFECTED, r"which (?:clients?|workloads?|apps?|services?|teams?|hosts)\b"),
    (Ask.ADDRESS, r"\b(?:egress|source|outbound|outgoing|public|which|what) (?:ip|address|prefix|range)"),
    (Ask.ADDRESS, r"\bip (?:address|prefix)|\bips?\b"),
    (Ask.TRAFFIC, r"traffic|how many (?:requests|connections)|error rate|requests? (?:fail|succe)|metrics|counters"),
    (Ask.OWNER, rf"^who\b.*\b{_WORKING}"),
    (Ask.OWNER, rf"(?:any|some) ?(?:one|body)\b.*\b{_WORKING}"),
    (Ask.OWNER, r"who (?:can|do|should) (?:i|we) (?:ask|call|contact|page)|escalat"),
    (Ask.WHERE, rf"^(?:which|what|whose)(?: is| s)?(?: the| this)? {_PLACE}|where is (?:it|this)|where am i"),
    (Ask.GATEWAY_OR_HOST, r"(?:who ?s|whose|which|our|us|their|them|your) (?:fault|side|problem)"),
    (Ask.GATEWAY_OR_HOST, r"\bor (?:the )?(?:gateway|host|destination|network|theirs|them)\b"),
    (Ask.GATEWAY_OR_HOST, rf"is (?:it|this|the problem).*\b{_PART}"),
    (Ask.GATEWAY_OR_HOST, r"(?:does|is|what about) https?\b|^can .* reach"),
    (Ask.COMMANDS, r"commands?\b|^kubectl$"),
    (Ask.NEXT, r"(?:how|what|which|help|can)\b.*\b(?:fix|solve|resolve|repair|do|steps?|next|help)\b"),
    (Ask.NEXT, r"^fix (?:it|this|that)"),
    (Ask.EVIDENCE, r"evidence|bundle|\blogs?\b"),
    (Ask.REPORT, r"report|(?:show|send|give).*everything|details?$|^more$|export"),
    (Ask.WHY, r"\bwhy\b|\bwrong\b|going on|happen|causes?\b|problem|reason|\berrors?\b|explain|\bmeans?\b"),
    (Ask.WHY, r"summar|^tl ?dr$|^wh?y\b"),
)
"""Questions with the expressions that occur in them, in the order in which they decide."""

_PATTERNS = tuple((question, re.compile(expression)) for question, expression in _RULES)

_QUESTION_WORDS = re.compile(
    r"^(?:who|what|whats|which|when|where|how|why|is|are|was|did|does|do|can|could|should|would|has|have|any)\b"
)

_NAME = re.compile(r"[a-z0-9]+[-/.:][a-z0-9]", re.IGNORECASE)
"""A word that may be the name of a cluster, gateway or host."""

_COMMANDS = re.compile(r"(?:cancel|stop|list|watch|probe|handoff|digest|mute|unmute)\b")
"""The first words of commands: nothing after them is a question."""

_CODE = re.compile(r"\beg[ -]?(\d{3})\b", re.IGNORECASE)

_KNOWN_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        affected again anyone back before broken cancel caused causes change changed changes check checked cluster clusters
        command commands correct counters deployed destination does done dont downtime egress evidence explain failing fault
        firewall fixed from gateway gateways have happened happening healthy help history host hosts impact interrupt interrupts
        kubectl last later long looking many mean means more much namespace network next normal not off only our over owner owns
        people please previous problem production reason recent recheck recover recovered report request requests restart
        restarted
        resolved right root running safe safely service services show since someone start started starting status steps step
        still stop stopped summary sure take taking thank thanks that their there this traffic tried undo unwatch update use
        using watch watching what when where which whose will with working works would wrong your
        """,
    )
)
"""The words of questions, to which misspelled ones are corrected."""


def free_question(text: str) -> Ask | None:
    """The question in a text by the words in it, or None.

    A text with a name is one only if it begins like a question: other texts with names are commands.
    """
    typed = text.strip()
    if _COMMANDS.match(typed.lower()):
        return None
    if _NAME.search(re.sub(r"\bre-check|tl;dr\b", "", typed)) and not _QUESTION_WORDS.match(_normal(typed)):
        return None
    for words in dict.fromkeys((_normal(typed), _normal(without_typing_errors(typed)))):
        for question, pattern in _PATTERNS:
            if pattern.search(words):
                return question
    return None


def code_in(text: str) -> str:
    """The code of a check in a text, such as `EG407`; empty without one."""
    found = _CODE.search(text)
    return f"EG{found[1]}" if found is not None else ""


def without_typing_errors(text: str, cutoff: float = 0.8) -> str:
    """The text with each misspelled word replaced by the nearest known word of a question.

    `cutoff` is the similarity of the words that are replaced, from 0 to 1.
    """
    return " ".join(_corrected(word, cutoff) for word in text.lower().split())


def _corrected(word: str, cutoff: float) -> str:
    plain = word.strip(".,!?;:")
    if len(plain) < 4 or plain in _KNOWN_WORDS or not plain.isalpha():
        return word
    near = difflib.get_close_matches(plain, sorted(_KNOWN_WORDS), n=1, cutoff=cutoff)
    return near[0] if near else word


def _normal(typed: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", typed.lower()).split())
