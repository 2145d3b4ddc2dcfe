"""A command in a code block is executed, parsed by its program, or listed with a reason."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from checks.cli.main import main
from tests.commands.documented import PLACEHOLDER, pages, pasted
from tests.docs.commands import ROOT, blocks
from tests.docs.test_commands import PAGES
from tests.helm.chart import program

EXECUTED = (*PAGES, "docs/install.md", "README.md")
"""The pages whose blocks without `needs:` are executed.

By test_commands.py, tests/helm/test_docs.py and test_readme.py.
"""
NOT_RUN: list[list[str]] = yaml.safe_load((Path(__file__).parent / "not_run.yaml").read_text(encoding="utf-8"))
_FENCE = re.compile(r"^ *```(?P<language>[a-z]*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_WORDS = re.compile(r"^(?:(?:export )?[A-Z_]+=\S* +)*(?P<program>[a-z][\w-]*) ")
SHELL = {
    "cat",
    "cd",
    "cp",
    "do",
    "done",
    "export",
    "for",
    "git",
    "grep",
    "head",
    "jq",
    "mkdir",
    "sed",
    "tar",
    "tee",
    "tr",
}
"""Programs of every system, and words of the shell."""
KNOWN = {*SHELL, "az", "egress-diag", "helm", "kubectl", "make"}
"""Programs of which a test below parses the commands."""
PROGRAMS = {*KNOWN, *(beginning.split()[0] for _, beginning, _ in NOT_RUN)}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block that no test executes."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]}"

    @property
    def program(self) -> str:
        found = _WORDS.match(f"{self.text} ")
        return found["program"] if found else ""

    @property
    def words(self) -> list[str]:
        return shlex.split(re.sub(r"<\(.*?\)|[<>]+ ?\S+", "", self.text[self.text.index(self.program) :]))[1:]


def commands() -> Iterator[Command]:
    """The commands of every block, without those of blocks that are executed."""
    for path in [*pages(), ROOT / "helm/egress-diag/README.md"]:
        page = path.relative_to(ROOT).as_posix()
        executed = {block.script.strip() for block in blocks(page) if not block.needs} if page in EXECUTED else set()
        for match in _FENCE.finditer(path.read_text(encoding="utf-8")):
            if match["language"] in ("", "sh", "bash") and match["body"].strip() not in executed:
                is_shell = match["language"] != ""
                yield from (Command(page, text) for text in _simple(match["body"], is_shell))


def _simple(body: str, is_shell: bool) -> Iterator[str]:
    """The commands of a block, its pipes and substitutions, without lines that show a syntax.

    In a block without a language, only lines that begin with a program are commands; others are drawings and answers.
    """
    for line in body.replace("\\\n", " ").splitlines():
        command = line.partition("  #")[0].strip()
        found = _WORDS.match(f"{command} ")
        is_command = is_shell or (
            found is not None and found["program"] in {*KNOWN, *(each.split()[0] for _, each, _ in NOT_RUN)}
        )
        if is_command and not PLACEHOLDER.search(command):
            yield from filter(
                None, (part.strip() for part in re.split(r" \|\|? | && |; |\"?\$\(|\)\"?(?= |$)", command))
            )


ALL = [command for command in commands() if command.program]


def of(name: str) -> list[Command]:
    return [command for command in ALL if command.program == name]


def is_listed(command: Command) -> bool:
    return any(command.page == page and command.text.startswith(beginning) for page, beginning, _ in NOT_RUN)


def test_every_program_in_a_block_is_checked_or_listed() -> None:
    unknown = [str(c) for c in ALL if c.program not in KNOWN and not is_listed(c)]
    assert unknown == []


def test_every_exception_is_still_on_its_page() -> None:
    stale = [entry for entry in NOT_RUN if not any(c.page == entry[0] and c.text.startswith(entry[1]) for c in ALL)]
    assert stale == []
    assert all(len(reason) > 20 for _, _, reason in NOT_RUN)


@pytest.mark.parametrize("command", [each for each in of("egress-diag") if not is_listed(each)], ids=str)
def test_the_command_line_parses_its_commands(command: Command) -> None:
    name, *words = command.words
    with click.Context(main) as context:
        found = main.get_command(context, name)
        assert found is not None, name
        with click.Context(found, info_name=name) as inner:
            found.make_parser(inner).parse_args(words)


@pytest.mark.parametrize("command", of("helm"), ids=str)
def test_helm_has_the_command_and_its_options(command: Command) -> None:
    name = next(word for word in command.words if not word.startswith("-") and word != "egress-diag")
    shown = subprocess.run([program("helm"), name, "--help"], capture_output=True, text=True, check=True).stdout
    used = {word.partition("=")[0] for word in command.words if word.startswith("--")}
    assert {option for option in used if option not in shown} == set()
    if "helm/" in command.text:
        assert (ROOT / next(word for word in command.words if word.startswith("helm/"))).exists()


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_make_has_the_target(command: Command) -> None:
    target = next(word for word in command.words if "=" not in word)
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_commands_of_kubectl_and_az_are_in_the_run_over_every_printed_command() -> None:
    """`make commands` runs them with real kubectl and parses them with azure-cli's tables."""
    run = {page.relative_to(ROOT).as_posix(): "\n".join(pasted(page)) for page in pages()}
    missing = [
        str(command)
        for command in (*of("kubectl"), *of("az"))
        if command.text not in run[command.page] and not command.text.startswith("kubectl egress-diag")
    ]
    assert missing == []
