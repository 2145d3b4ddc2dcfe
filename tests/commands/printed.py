"""Every command that a report prints, wherever its values contain one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from checks.model.commands import is_command

_CODE_SPAN = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"\$\{?([A-Z][A-Z_]*)")
"""A shell variable that the reader of a command sets."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A command to paste.

    `own` is the command of its action, if the text is another field of the action: the command that verifies or undoes a
    change follows it. `steps` are the commands that are printed before it in its finding, and `earlier` those in the whole
    report. `quoted`: a sentence names it, perhaps without its options.
    """

    text: str
    own: str = ""
    steps: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    quoted: bool = False


def printed_in(value: object) -> Iterator[Printed]:
    """The commands in any value of a report, also those that sentences quote, in printed order.

    The fields of dataclasses are read generically: a new field that holds commands needs no change here.
    """
    earlier: list[str] = []
    for part in _parts(value):
        steps: list[str] = []
        for own, text, quoted in _texts(part, ""):
            first = own in ("", text)
            yield Printed(text, "" if first else own, tuple(steps), tuple(earlier), quoted)
            if first and not quoted:
                steps.append(text)
        earlier += steps


def _parts(value: object) -> Iterator[object]:
    """The report's findings, reasons and routes, each a list of steps of its own."""
    if not is_dataclass(value):
        yield value
        return
    for each in fields(value):
        found: Any = getattr(value, each.name)
        yield from found if isinstance(found, tuple) else (found,)


def _texts(value: object, own: str) -> Iterator[tuple[str, str, bool]]:
    """The command of the action, the text, and whether a sentence quotes it."""
    if isinstance(value, str):
        yield from ((own, each, each != value) for each in commands_in(value))
    elif is_dataclass(value):
        command = getattr(value, "command", "")
        if command and is_command(command):
            yield command, command, False
        for each in fields(value):
            if each.name != "command":
                yield from _texts(getattr(value, each.name), command)
    elif isinstance(value, tuple | list | frozenset):
        for item in value:
            yield from _texts(item, own)


def commands_in(text: str) -> Iterator[str]:
    """The text, if it is a command, or the commands that it quotes; none with an ellipsis."""
    found = [text] if is_command(text) else [each for each in _CODE_SPAN.findall(text) if is_command(each)]
    yield from (each for each in found if "…" not in each)
