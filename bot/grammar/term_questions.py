"""Questions about a term of the results: `what is SNAT`, `what does inconclusive mean`."""

import re

from bot.grammar.commands import ExplainTerm
from checks.knowledge.terms import term_named

_MEANING = (
    r"what (?:does|do) (?:the |a |an )?(.+?) (?:mean|stand for|do)",
    r"(?:explain|define|describe|definition of|(?:what is )?the meaning of|meaning of)(?: to me)? (?:the |a |an )?(.+)",
    r"how (?:does|do) (?:a |an |the )?(.+?) work",
    r"(?:what is|what are|whats|what s) meant by (.+)",
)
_WHAT_IS = r"(?:what is|what are|whats|what s|what) (?:a |an )?(.+)"
_WHAT_IS_THE = r"(?:what is|what are|whats|what s) (?:the|this|that|our) (.+)"

_STATES = frozenset(
    ("healthy", "degraded", "starting", "broken", "inconclusive", "not checked", "does not apply", "skipped")
)
"""Terms that "what is …" does not define: `what is broken` asks for the cause."""


_OF_THE_INCIDENT = re.compile(
    r"(?:explain|describe)(?: to me)? (?:the|this|that|these|those|our) (?:root )?(?:cause|symptom|verdict|fault|incident)s?"
)
"""Words that ask for what was found, and not for what the term means."""


def term_question(asked: str) -> ExplainTerm | None:
    """The term that a question in lower case wants explained; None for other texts."""
    if _OF_THE_INCIDENT.fullmatch(asked):
        return None
    for pattern in _MEANING:
        if (found := re.fullmatch(pattern, asked)) and (term := term_named(found[1])):
            return ExplainTerm(term.name)
    return _what_is(_WHAT_IS, asked)


def term_of_the_check(asked: str) -> ExplainTerm | None:
    """The term in `what is the sidecar`, if the text is no other question."""
    return _what_is(_WHAT_IS_THE, asked)


def _what_is(pattern: str, asked: str) -> ExplainTerm | None:
    found = re.fullmatch(pattern, asked)
    term = term_named(found[1]) if found and found[1] not in _STATES else None
    return ExplainTerm(term.name) if term is not None else None
