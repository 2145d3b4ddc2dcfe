"""Text from the cluster in Markdown: escaped, or as code."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def escaped(text: str) -> str:
    """The text on one line, with Markdown's special characters escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """The text as inline code, also if it contains backticks."""
    flat = " ".join(text.split())
    if not flat:
        return "(empty)"
    fence = "`" * (_longest_run(flat) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def code_cell(text: str) -> str:
    """The text as inline code in a cell of a table."""
    return code(text).replace("|", "\\|")


def fence_of(text: str) -> str:
    """A fence for a code block, longer than every run of backticks in the text."""
    return "`" * max(3, _longest_run(text) + 1)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
