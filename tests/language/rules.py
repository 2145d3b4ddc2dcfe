"""The words that docs/language.md rules out, each with the glossary's word."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A pattern that no text may contain, and the word to use instead."""

    pattern: re.Pattern[str]
    write: str


_EXPRESSIONS: list[str] = []


def _words(expression: str, write: str) -> Forbidden:
    _EXPRESSIONS.append(expression)
    return Forbidden(_bounded(expression), write)


def _bounded(expression: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w`./-])(?:{expression})(?![\w`/-])", re.IGNORECASE)


def _sentence(expression: str, write: str) -> Forbidden:
    """A pattern of whole sentences, which may extend over lines."""
    return Forbidden(re.compile(expression, re.DOTALL), write)


_PROGRAMS = (
    r"gateways?|prox(?:y|ies)|sidecars?|namespaces?|istiod|envoy|pods?|clients?|checks?|engine|workers?|bot|listeners?"
    r"|courier|beat|filters?|sandbox|clusters?|controllers?|polic(?:y|ies)|programs?|machines?|routers?|servers?"
)
"""Subjects that do not see: a program reads, receives or matches."""

_RULES = (
    r"selectors?|rules?|polic(?:y|ies)|virtual ?services?|destination ?rules?|service ?entr(?:y|ies)|sidecars?|routes?"
    r"|servers?|filters?|webhooks?"
)

WORDS = (
    # the route of a request
    _words(
        r"the way of|its way (?:to|out|in|through)|on the way (?:out|in|to|from)|way(?:s)? out|way in", "route, access"
    ),
    _words(
        r"passages?|in vain|goes? (?:round|past)|going (?:round|past)|leaves? (?:past|away)|past the gateway",
        "bypasses",
    ),
    _words(r"round the gateway", "bypasses the gateway"),
    _words(r"walk(?:s|ed|ing)?", "route, hops"),
    _words(r"(?:is|are|was|were|be|route) whole", "routed, complete"),
    _words(r"legs?|stretch(?:es)?|stations?", "hop"),
    _words(r"server doors?|doors?", "listener, entry point"),
    _words(r"carr(?:y|ies|ied|ying)(?! out)(?! them out)", "route, routed, contain, have"),
    # static egress
    _words(r"gateway pools?", "gateway node pool"),
    # Not in messages of Azure that are quoted: "Reconciling gateway configuration", "with gateway configuration name".
    _words(
        r"(?<!reconciling )gateway configurations?(?! reconciled)(?! name)",
        "StaticGatewayConfiguration (SGC in short texts)",
    ),
    _words(r"egress ranges?|range of the gateway|address(?:es)? of the gateway", "egress IP prefix"),
    _words(r"address(?:es)? (?:that )?it (?:carries|arrives with|gives)", "source IP address"),
    # matching and visibility
    _words(r"holds? for|speaks? about|speaks? the same", "matches, applies to"),
    _words(rf"(?:{_RULES}) (?:is|are|was|were) about", "matches, applies to"),
    _words(r"fits?(?! (?:in|into|on|within)\b)(?!\(| =)", "matches, can be applied to"),
    _words(r"hidden from", "not exported to"),
    _words(
        rf"(?:{_PROGRAMS}|identit(?:y|ies)|it|they) (?:(?:can|cannot|could not|did not|does not|do not|must) see|sees?|saw)",
        "visible to, receives, reads, notices",
    ),
    _words(r"has (?:a|an|no) ServiceEntry for", "is visible to"),
    # who
    _words(
        r"somebody|nobody|anybody|somebody's|nobody's|anybody's", "name the role: the on-call engineer, no worker, …"
    ),
    _words(r"who (?:is on it|has it)", "owner"),
    _words(r"you may not", "you do not have permission to"),
    _words(r"ask(?:s|ed|ing)? for(?! confirmation)", "reads, requests, requires"),
    # checks and findings
    _words(r"tells?|told|telling", "reports, shows, distinguishes"),
    _words(r"complaints?|complain(?:s|ed|ing)?", "warning, error"),
    _words(
        r"(?:is|are|was|were|been|be|not|never|being) looked at|nothing to look at|looks? at",
        "checked, read, inspected, does not apply",
    ),
    _words(r"could not be (?:made|told|looked)|cannot be told|can be told", "not checked: REASON"),
    _words(r"causes? unknown|(?<!is )not known whether", "not checked: REASON, not checked whether"),
    _words(r"as far as|what can be seen of|its own word|newest word|in words|no word of", "say it directly"),
    _words(r"that can(?:not)? be seen|by the logs?|no answer in time and", "visible, in the logs of, did not answer"),
    _words(r"\d+ looks (?:at|in)|looks? in a row|see what|find out what|\?{4}", "checks, List, Show, not checked"),
    _words(r"(?-i:WARN|FAIL)(?=[ ,.;)])", "warning, fail, failure"),
    _words(r"works with warnings|is good since", "degraded, healthy since"),
    _words(r"youngest|make them alike|the article's expression", "newer, newest, the naming rule"),
    _words(
        r"(?<!egress-diag )(?<!--queues )(?<![:\"])(?:sweeps?|swept|sweeping)(?![:\"])",
        "fleet check; the command is `egress-diag sweep`",
    ),
    _words(
        r"there is nobody|what stands|stands? (?:in|behind|before|between|there|at|alone)"
        r"|lies? (?:in|at|on|beside|between|before|under|there)",
        "is",
    ),
    # fixing
    _words(r"mend(?:s|ed|ing|able)?|remed(?:y|ies)|put(?:s|ting)? right|repair(?:s|ed|ing)?", "fix"),
    _words(
        r"for good|once more|anew|there(?:by|in|of|after)|hitherto|otherwise than|what(?:ever)? becomes of",
        "plain words",
    ),
    # time
    _words(r"has lasted|lasts", "for, since"),
    # sentences
    _sentence(r"so that[^.;:]*\bso that", "two sentences"),
    _words(r"also for that which|that which", "name it"),
    _sentence(r",\s(?:where|which|that)\b[^.;:!?]*,\s(?:where|which|that)\b", "two sentences"),
    _sentence(r"(?:\A|[.!?]\s+|\n\n\s*)Where [^.?\n]*,", "If, or two sentences"),
    _sentence(
        r"(?:\A|[.]\s+|\n\n\s*)What (?!is |are |does |do |did |it checks:|usually fixes it:)[^?]{0,200}?\.(?:\s|\Z)",
        "begin with the noun",
    ),
    # tone
    # People may shout at the bot: a text after a mention is theirs.
    _sentence(r"\A(?!<@).*\b[a-z]+!(?=\s|\Z)", "a full stop"),
    _words(r"please|kindly|unfortunately|oops|sorry", "leave it out"),
    # effects
    _words(r"only reads|reads only|cuts traffic|cut traffic|cutting traffic", "read-only, interrupts traffic"),
)

ANY_WORD = _bounded("|".join(f"(?:{each})" for each in _EXPRESSIONS))
"""Matches a text that breaks one of the rules of words.

One search is faster than one for each rule.
"""

SENTENCES = tuple(each for each in WORDS if each.pattern.flags & re.DOTALL)
"""The rules of whole sentences."""

OPENINGS = (
    Forbidden(
        re.compile(r"^(?:Where|What(?! it checks:)|Whatever|Who|That which) (?!is\b.*\?)[^?]*$"),
        "begin with the subject or a verb",
    ),
)
"""First lines of docstrings that begin with a noun clause."""
