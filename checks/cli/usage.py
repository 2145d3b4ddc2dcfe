"""Usage errors, exit codes and options, which the commands share."""

from math import isnan
from pathlib import Path
from typing import Any, NoReturn

import click

from checks.model.columns import narrow
from checks.model.inert_text import inert

EXIT_CODES = {"healthy": 0, "degraded": 0, "broken": 1, "inconclusive": 3, "starting": 4}
"""Exit codes by verdict (docs/contract.md#exit-codes); 2 is a usage error."""


def refuse(message: object) -> NoReturn:
    """Exit with code 2 and a message."""
    raise click.UsageError(inert(str(message)))


class WrappedError(click.UsageError):
    """A usage error in lines of at most 80 characters, for a terminal."""

    def __init__(self, wrong: click.UsageError) -> None:
        super().__init__(wrong.message, wrong.ctx)
        self._sentence = wrong.format_message()

    def format_message(self) -> str:
        """The sentence after `Error: `."""
        return "\n".join(narrow(f"Error: {self._sentence}")).removeprefix("Error: ")


class Seconds(click.FloatRange):
    """A bounded number; rejects `nan`, which compares as within any bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail("nan is not a number of seconds.", param, ctx)
        return number


config_option = click.option("--config", type=click.Path(path_type=Path), help="Configuration file.")
