"""Texts in files and on terminals, without characters that change how other text is shown.

Names, annotations and log lines come from the cluster. A bidirectional control character among them can make a report or
a manifest read differently from its bytes, and an escape sequence can rewrite a terminal.
"""

import re

BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Unicode's bidirectional controls (UAX 9): marks, embeddings, overrides and isolates."""

_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029" + "".join(map(chr, BIDIRECTIONAL)) + "]|\r(?!\n)"
)


def inert(text: str) -> str:
    r"""The text with every control character written as its escape, such as `\u202e`.

    In a JSON document and in a quoted YAML text, the escape means the same character.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
