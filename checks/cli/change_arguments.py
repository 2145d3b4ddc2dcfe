"""The options that propose a change of the cluster.

Manifests to apply, and objects to delete.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from checks.cli.usage import refuse

if TYPE_CHECKING:
    from checks.facts.proposal import Proposal

_SUFFIXES = (".yaml", ".yml", ".json")

_options = (
    click.option(
        "--with",
        "applied",
        multiple=True,
        metavar="FILE…",
        help="Also evaluate the cluster as if these manifests were applied: files, directories, or - for standard input.",
    ),
    click.option(
        "--without",
        "deleted",
        multiple=True,
        metavar="KIND/NAMESPACE/NAME",
        help="Also evaluate the cluster as if this object were deleted.",
    ),
)


class ChangeArguments(TypedDict):
    """The options of a proposed change."""

    applied: Sequence[str]
    deleted: Sequence[str]


def change_options(command: "click.decorators.FC") -> "click.decorators.FC":
    """Add the options to a command, which needs the class WithFiles."""
    for decorate in reversed(_options):
        command = decorate(command)
    return command


class WithFiles(click.Command):
    """A command whose option `--with` takes several files, such as `--with *.yaml`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; each further file after `--with` is one more value of it."""
        return super().parse_args(ctx, list(_each_with_its_option(args)))


def _each_with_its_option(args: Sequence[str]) -> list[str]:
    found: list[str] = []
    value_next = more_may_follow = False
    for position, word in enumerate(args):
        if value_next:
            value_next, more_may_follow = False, True
        elif word == "--":
            return [*found, *args[position:]]
        elif word == "--with" or word.startswith("--with="):
            value_next = word == "--with"
            more_may_follow = not value_next
        elif more_may_follow and _is_file(word):
            found.append("--with")
        else:
            more_may_follow = False
        found.append(word)
    return found


def _is_file(word: str) -> bool:
    """Whether a word after a file is another one.

    It is `-`, has a manifest's suffix, or exists.
    """
    return word == "-" or (not word.startswith("-") and (word.endswith(_SUFFIXES) or Path(word).exists()))


def proposed_change(arguments: ChangeArguments) -> "Proposal | None":
    """The proposed change, None without these options. Exits with 2 for invalid ones."""
    if not arguments["applied"] and not arguments["deleted"]:
        return None
    from checks.facts.change_input import BadChange
    from checks.facts.proposal import proposal
    from checks.sources.manifest_files import manifest_texts

    if list(arguments["applied"]).count("-") > 1:
        refuse("standard input (-) can be given only once")
    try:
        return proposal(manifest_texts(arguments["applied"], sys.stdin.buffer), arguments["deleted"])
    except BadChange as wrong:
        refuse(wrong)
