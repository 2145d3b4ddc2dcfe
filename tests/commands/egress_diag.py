"""The arguments of printed `egress-diag` commands, parsed by the command line itself."""

from collections.abc import Sequence

import click

from checks.cli.main import main


def refusal(words: Sequence[str]) -> str:
    """The reason why `egress-diag` refuses these words, "" if it accepts them."""
    context = click.Context(main, info_name="egress-diag")
    name = words[0] if words else ""
    command = main.get_command(context, name)
    if command is None:
        return "" if name.startswith("-") else f"no command {name}"
    try:
        command.make_context(name, list(words[1:]), parent=context).close()
    except click.exceptions.Exit:
        return ""
    except click.ClickException as problem:
        return problem.format_message()
    return ""
