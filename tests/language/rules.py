"""The words that docs/language.md rules out, each with the glossary's word."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A pattern that no text may contain, and the word to use instead."""

    pattern: re.Pattern[str]
    write: str


def _words(expression: str, write: str) -> Forbidden:
    return Forbidden(re.compile(rf"(?<![\w`./-])(?:{expression})(?![\w`/-])", re.IGNORECASE), write)


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
    _words(r"legs?|stretch(?:es)?|stations?", "hop"),
    _words(r"server doors?|doors?", "listener, entry point"),
    _words(r"carr(?:y|ies|ied|ying) (?:the |this |a |an )?(?:hosts?|requests?|traffic)", "route, routed"),
    # static egress
    _words(r"gateway pools?", "gateway node pool"),
    # Not in messages of Azure that are quoted: "Reconciling gateway configuration", "with gateway configuration name".
    _words(
        r"(?<!reconciling )gateway configurations?(?! reconciled)(?! name)",
        "StaticGatewayConfiguration (SGC in short texts)",
    ),
    # matching and visibility
    _words(r"holds? for|speaks? about|speaks? the same", "matches, applies to"),
    _words(r"hidden from", "not exported to"),
    # who
    _words(
        r"somebody|nobody|anybody|somebody's|nobody's|anybody's", "name the role: the on-call engineer, no worker, …"
    ),
    _words(r"who (?:is on it|has it)", "owner"),
    # checks and findings
    _words(r"tells?|told|telling", "reports, shows, distinguishes"),
    _words(r"complaints?|complain(?:s|ed|ing)?", "warning, error"),
    _words(
        r"(?:is|are|was|were|been|be|not|never|being) looked at|nothing to look at|looks? at",
        "checked, read, inspected, does not apply",
    ),
    _words(r"could not be (?:made|told|looked)|cannot be told|can be told", "not checked: REASON"),
    _words(r"as far as|what can be seen of|its own word|newest word|in words|no word of", "say it directly"),
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
    # tone
    _words(r"please|kindly|unfortunately|oops|sorry", "leave it out"),
    # effects
    _words(r"only reads|reads only|cuts traffic|cut traffic|cutting traffic", "read-only, interrupts traffic"),
)

OPENINGS = (
    Forbidden(
        re.compile(r"^(?:Where|What(?! it checks:)|Whatever|Who|That which) (?!is\b.*\?)[^?]*$"),
        "begin with the subject or a verb",
    ),
)
"""First lines of docstrings that begin with a noun clause."""
