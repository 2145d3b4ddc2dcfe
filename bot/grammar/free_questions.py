"""Questions in a thread as people phrase them freely, also with typing errors.

Whole phrases are in `thread_parser`; only they start or stop something. Here, words anywhere in a text decide, and the
answer only shows what is known.
"""

import re
from collections.abc import Collection

from bot.grammar.commands import ThreadQuestion as Ask
from bot.grammar.spelling import corrected
from bot.grammar.topic import is_about_checks, vocabulary

_NOT = r"(?:did|does|do|is|was|were|has)n ?t"
_CHANGED = r"(?:chang|touch|deploy|edit|modif|upgrad|differ)"
_BEGAN = r"(?:start|begin|began|break|broke|fail|happen|healthy|work|down|stop|last)"
_WORKING = r"(?:has|owns?|owner|on|working|works|handling|handles|looking|responsible|assigned|taking|took)\b"
_PLACE = r"(?:hosts?|destinations?|gateways?|clusters?|namespaces?|clients?|one|gw|egress gateways?)\b"
_COMPONENT = (
    r"(?:(?:egress )?gateway|gw|istio|(?:service )?mesh|sidecar|network|firewall|dns|azure|aks|nsg|tls|certificate|"
    r"kubernetes|cluster)"
)
_PART = rf"(?:{_COMPONENT}|host|destination|us|our|them|their|side)\b"
_GOOD_OR_BAD = (
    r"(?:ok|okay|up|down|broken|fine|good|bad|healthy|unhealthy|working|failing|fixed|back|dead|alive|reachable|"
    r"the (?:problem|cause|reason|fault)|at fault|to blame|guilty)"
)

_RULES: tuple[tuple[Ask, str], ...] = (
    (
        Ask.RAN,
        r"^i (?:just |have |ve )?(?:ran|run|did|applied|executed|tried|restarted|patched) |^(?:all )?done$|^ran it",
    ),
    (
        Ask.GATEWAY,
        rf"^(?:is |are )?(?:the |our )?(?:egress )?(?:gateway|gw) (?:is )?(?:still |also )?{_GOOD_OR_BAD}\b",
    ),
    (
        Ask.GATEWAY_OR_HOST,
        rf"^(?:is |are )?(?:the |our )?(?:{_COMPONENT}|host|destination) (?:is )?(?:still |also |really )?{_GOOD_OR_BAD}\b",
    ),
    (
        Ask.LASTED,
        r"how long (?:was|were|did)|when did (?:it|this|that|the gateway) (?:recover|heal|come back|end)|duration",
    ),
    (Ask.LASTED, r"^when was (?:it|this|that) (?:fixed|resolved|over|restored)|how long .*\boutage"),
    (Ask.WHY, r"^how come\b"),
    (Ask.HISTORY, r"^(?:was|were|has|have|did)\b.* (?:before|in the past)$"),
    (Ask.AFFECTED, r"\b(?:do|did|does|doing) nothing\b"),
    (Ask.HELP, r"what can (?:you do|i (?:ask|say|type))|how (?:do|does) (?:you|this bot) work|how does this work"),
    (Ask.UNDO, r"undo|roll ?back|revert|take (?:it|that) back"),
    (Ask.WHY, r"\bcauses? of\b"),
    (Ask.FIXED, r"^is (?:the |this )?(?:problem|issue|incident|outage) (?:gone|over|solved|fixed)"),
    (Ask.RESTART, r"restart|reboot|bounce|\bsafe(?:ly)?\b|danger|risky|downtime|interrupt|outage"),
    (Ask.RESTART, r"^what (?:does|will|would|happens).*\b(?:fix|step|run|apply)\b"),
    (
        Ask.TRIED,
        r"(?:what|who|which|already|been|ever).*\b(?:tried|try)\b|what was done|what (?:did|have) (?:we|they) do",
    ),
    (
        Ask.FIXED,
        r"^(?:did|has|does) (?:it|that|this|the (?:fix|step|change)) (?:work|help|fix|recover)|nothing changed|back to normal",
    ),
    (
        Ask.FIXED,
        rf"{_NOT} (?:work|help|fix)|(?:not|isn ?t) (?:working|fixed|healthy|helping)|work(?:s|ing)? (?:now|again)",
    ),
    (Ask.FIXED, r"still (?:broken|down|failing|fails|not|bad|red|happening|open)|any (?:update|news|progress)"),
    (Ask.FIXED, r"^(?:update|news|refresh)s?$|^(?:is )?all good|\beta\b|is it starting"),
    (Ask.FIXED, r"^(?:is|are) (?:it|this|that|we) (?:back|up|reachable|online|alive)\b"),
    (Ask.FIXED, r"^is (?:egress|everything|all)\b.*\b(?:ok|okay|fine|good|up|back|working|healthy|fixed)"),
    (Ask.FIXED, r"how long (?:does|will|until|before|to)"),
    (Ask.FIXED, r"when (?:will|is|can).*\b(?:ready|done|fixed|back|up|healthy|over|start)"),
    (Ask.CHANGED, r"when (?:did|was|has) .*\bchange"),
    (Ask.CHANGED, rf"^(?:who|did|has|have|was|is|any|what|which|recent|show)\b.*\b{_CHANGED}"),
    (Ask.HISTORY, r"\b(?:have|had|seen?|happen) (?:it|this|that) .*(?:last|ago|earlier|yesterday)"),
    (Ask.HISTORY, r"history|(?:happen|seen|occur)\w* before|earlier (?:incident|run|check)|how often|recur|previous"),
    (Ask.SINCE, r"since when|how long"),
    (Ask.SINCE, rf"when (?:did|was|were|has|is)\b.*\b{_BEGAN}"),
    (Ask.NOT_CHECKED, rf"(?:\bnot|{_NOT}) .*\bcheck|what (?:did you|have you|was|is|were) .*check|what .*checked"),
    (Ask.NOT_CHECKED, r"\bsure\b|certain|confiden|missing|coverage|what do(?:n ?t| not) you know"),
    (Ask.AFFECTED, r"\b(?:urgent|critical|serious|emergency|wake|customers?|notice|major|minor)\b|how many pods"),
    (Ask.AFFECTED, r"^is (?:everything|all|prod|production|staging|it all) (?:down|broken|dead)"),
    (Ask.AFFECTED, r"affect|impact|who else|what else|anything else|how bad|blast radius|severity"),
    (Ask.AFFECTED, r"which (?:clients?|workloads?|apps?|services?|teams?|hosts)\b"),
    (Ask.ADDRESS, r"\b(?:egress|source|outbound|outgoing|public|which|what) (?:ip|address|prefix|range)"),
    (Ask.ADDRESS, r"\bip (?:address|prefix)|\bips?\b"),
    (Ask.TRAFFIC, r"traffic|how many (?:requests|connections)|error rate|requests? (?:fail|succe)|metrics|counters"),
    (Ask.OWNER, rf"^who\b.*\b{_WORKING}"),
    (Ask.OWNER, rf"(?:any|some) ?(?:one|body)\b.*\b{_WORKING}"),
    (Ask.OWNER, r"who (?:can|do|should) (?:i|we) (?:ask|call|contact|page)|escalat"),
    (Ask.WHERE, rf"^(?:which|what|whose)(?: is| s)?(?: the| this)? {_PLACE}|where is (?:it|this)|where am i"),
    (Ask.GATEWAY_OR_HOST, r"(?:who(?: ?s| is)|whose|which|our|us|their|them|your) (?:fault|side|problem)"),
    (Ask.GATEWAY_OR_HOST, r"\bor (?:the )?(?:gateway|host|destination|network|theirs|them)\b"),
    (Ask.GATEWAY_OR_HOST, rf"(?:is|can|could|may|might) (?:it|this|the problem)\b.*\b{_PART}"),
    (Ask.GATEWAY_OR_HOST, r"(?:does|is|what about) https?\b|^can .* reach"),
    (Ask.COMMANDS, r"commands?\b|^kubectl$"),
    (Ask.NEXT, r"(?:how|whats?|which|help|can)\b.*\b(?:fix|solve|resolve|repair|do|steps?|next|help)\b"),
    (Ask.NEXT, r"^fix (?:it|this|that)|^(?:ok |so )?(?:and |what )?now$|^what is the (?:plan|next)"),
    (Ask.EVIDENCE, r"evidence|bundle|\blogs?\b"),
    (Ask.REPORT, r"report|(?:show|send|give).*everything|details?$|^more$|export"),
    (Ask.WHY, r"\bwhy\b|\bwrong\b|going on|happen|caus(?:e|es|ed|ing)\b|problem|reason|\berrors?\b|explain|\bmeans?\b"),
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
        affected again anyone back before broken cancel caused causes certificate change changed changes check checked
        cluster clusters command commands connect correct could counters deployed deployment destination does done dont
        downtime egress evidence explain failing fault firewall fixed from gateway gateways happened happening have
        healthy help history host hosts impact interrupt interrupts istio kubectl last later long looking many mean
        means more much namespace network next normal not off only our over owner owns people please previous problem
        production reachable reason recent recheck recover recovered report request requests resolved restart restarted
        right rollback root running safe safely service serviceentry services should show sidecar since someone start
        started starting status step steps still stop stopped summary sure take taking thank thanks that their there
        this timeout traffic tried undo unwatch update use using virtualservice watch watching what when where which
        whose will with working works would wrong your
        """,
    )
)
"""The words of questions, to which misspelled ones are corrected."""


def free_question(text: str, names: Collection[str] = ()) -> Ask | None:
    """The question in a text by the words in it, or None.

    A text with a name is one only if it begins like a question: other texts with names are commands. `names` are those of
    the check.
    """
    typed = text.strip()
    if _COMMANDS.match(typed.lower()):
        return None
    if _NAME.search(re.sub(r"\bre-check|tl;dr\b", "", typed)) and not _QUESTION_WORDS.match(_normal(typed)):
        return None
    for each in dict.fromkeys((typed, without_typing_errors(typed))):
        if not is_about_checks(each, names):
            continue
        words = _normal(each)
        for question, pattern in _PATTERNS:
            if pattern.search(words):
                return question
    return None


def code_in(text: str) -> str:
    """The code of a check in a text, such as `EG407`; empty without one."""
    found = _CODE.search(text)
    return f"EG{found[1]}" if found is not None else ""


def without_typing_errors(text: str, *, more: int = 0) -> str:
    """The text with each misspelled word replaced by the nearest known word of a question.

    `more` edits than usual are tolerated.
    """
    return corrected(text, _KNOWN_WORDS, vocabulary(), more=more)


def _normal(typed: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", typed.lower()).split()
    return " ".join(word for word in words if word not in _ADVERBS)


_ADVERBS = ("exactly", "actually", "really", "currently", "please", "just", "even")
"""Words that do not change a question."""
