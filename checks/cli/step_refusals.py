"""Refusals of an active step because of its arguments or its configuration."""

import sys
from datetime import UTC, datetime
from typing import NoReturn

from checks.actions.plan import PlanRefusal, RefusalKind
from checks.actions.rendering import action_json
from checks.actions.results import refused_result
from checks.cli.console import write_out
from checks.cli.usage import refuse


def refuse_step(kind: RefusalKind, sentence: str, choices: tuple[str, ...] = (), *, as_json: bool) -> NoReturn:
    """Exit with code 2: with a usage error, or with the document of `--output json`."""
    if not as_json:
        refuse(sentence)
    write_out(action_json(None, refused_result(PlanRefusal(kind, sentence, choices), datetime.now(UTC))))
    sys.exit(2)
