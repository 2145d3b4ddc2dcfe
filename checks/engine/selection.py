"""Selection of checks by `--only`."""

import difflib
from collections.abc import Sequence

from checks.engine.check import Check
from checks.model.question import BadQuestion


def chosen_checks(typed: str, checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks in a comma-separated list of slugs or codes.

    Raises BadQuestion with the nearest name.
    """
    by_name = {c.slug: c for c in checks} | {c.code.lower(): c for c in checks}
    codes = {c.code for c in checks}
    chosen: dict[str, Check] = {}
    for word in (each.strip() for each in typed.split(",") if each.strip()):
        found = by_name.get(word.lower().replace("_", "-"))
        if found is None:
            near = difflib.get_close_matches(word.lower(), list(by_name), n=1)
            near = [each.upper() if each.upper() in codes else each for each in near]
            hint = f'; did you mean "{near[0]}"?' if near else "; `egress-diag checks` lists them"
            raise BadQuestion(f'no check "{word}"{hint}', near)
        chosen[found.slug] = found
    if not chosen:
        raise BadQuestion(
            f"no check named: expected slugs or codes separated by commas, for example {','.join(c.code for c in checks[:2])}"
        )
    return tuple(sorted(chosen.values(), key=lambda c: c.code))
