"""Printed commands as a shell reads them: programs, words and here-documents."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")
_NOW = "$(date +%s)"
"""The only substitution that is printed: a value that differs at each call."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*")


class UnreadableCommand(ValueError):
    """The printed text is not a list of simple commands; the message says where."""


class SplitSubstitution(UnreadableCommand):
    """A substitution outside quotes: what its words are is known when the command runs."""


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One program call: its words without redirections, and its here-document."""

    words: tuple[str, ...]
    stdin: str = ""
    piped: bool = False
    """Whether the output of the command before it is its input."""


def commands(printed: str) -> tuple[ProgramCall, ...]:
    """The program calls of a printed text, in their order. Raises UnreadableCommand."""
    return tuple(_commands(printed))


def _commands(printed: str) -> Iterator[ProgramCall]:
    lines = iter(printed.replace(_NOW, "1764000000").splitlines())
    for first in lines:
        line = _continued(first, lines)
        mark = _HERE_DOCUMENT.search(line)
        stdin = _body(lines, mark[1]) if mark else ""
        yield from _of_line(_HERE_DOCUMENT.sub("", line), stdin)


def _continued(line: str, lines: Iterator[str]) -> str:
    """The line with those that a backslash or an open quotation joins to it.

    Raises UnreadableCommand.
    """
    while line.endswith("\\"):
        line = line[:-1] + next(lines, "")
    while _open_quote(line):
        following = next(lines, None)
        if following is None:
            raise UnreadableCommand(f"a quotation is not closed: {line}")
        line = f"{line}\n{following}"
    return line


def _open_quote(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return True
    return False


def _body(lines: Iterator[str], mark: str) -> str:
    found: list[str] = []
    for line in lines:
        if line == mark:
            return "\n".join(found) + "\n"
        found.append(line)
    raise UnreadableCommand(f"the here-document has no closing line {mark}")


def _of_line(line: str, stdin: str) -> Iterator[ProgramCall]:
    words: list[str] = []
    piped = False
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    for token in [*lexer, ";"]:
        if token not in ("|", "||", "&&", "&", ";"):
            if token.startswith("$(") and not token.endswith(")"):
                raise SplitSubstitution(f"a substitution outside quotes becomes several words: {line}")
            words.append(token)
            continue
        while words and _ASSIGNMENT.fullmatch(words[0]):
            del words[0]
        if ">" in words:
            at = words.index(">")
            del words[at : at + 2]
        if words:
            yield ProgramCall(tuple(words), "" if piped else stdin, piped)
        words, piped = [], token == "|"  # noqa: S105 - a token of the shell
