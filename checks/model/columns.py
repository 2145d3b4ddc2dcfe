"""Lines of at most 80 characters for a terminal.

Commands are printed unchanged, because they are pasted. A word that is longer, such as a URL, is not cut.
"""

import textwrap
from collections.abc import Iterable, Iterator

COLUMNS = 80


def wrapped(sentence: str, pad: str = "    ", further: str | None = None) -> list[str]:
    """The lines of a sentence after `pad`; `further` is before all lines but the first."""
    return textwrap.wrap(
        sentence,
        COLUMNS,
        initial_indent=pad,
        subsequent_indent=pad if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def after(head: str, sentence: str, further: str | None = None) -> list[str]:
    """The lines of a sentence after a head, which the further lines are indented by."""
    return wrapped(sentence, head, " " * len(head) if further is None else further) or [head.rstrip()]


def narrow(sentence: str) -> list[str]:
    """The lines of a sentence at the left margin; further lines are indented."""
    return wrapped(sentence, "", "    ")


def paragraphs(text: str) -> Iterator[str]:
    """The lines of paragraphs that are separated by empty lines."""
    for number, each in enumerate(text.split("\n\n")):
        if number:
            yield ""
        yield from wrapped(" ".join(each.split()), "")


def lines_of_table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Rows in columns: the first row has the titles.

    If they are wider, each row is a list of its titles and values.
    """
    titles, *entries = every = list(rows)
    widths = [max(len(row[column]) for row in every) for column in range(len(titles))]
    if sum(widths) + 2 * (len(widths) - 1) <= COLUMNS:
        for row in every:
            yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        return
    longest = max(map(len, titles[1:]))
    for first, *others in entries:
        yield first
        for title, text in zip(titles[1:], others, strict=True):
            yield from after(f"  {title:<{longest}}  ", text)
