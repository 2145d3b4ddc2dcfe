"""`egress-diag doctor`: loads each part only when it is asked for, and prints its lines."""

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points

import click
import orjson

from checks.doctor.requirement_lines import EXITS, Asked, Line, text, to_json, worst

Part = Callable[[Asked], Iterable[Line]]
"""What an entry point of the group `egress_diag.doctor` is."""

ORDER = ("configuration", "workers", "clusters", "slack")
"""Parts in the order in which they are told; others follow by name."""


def parts() -> dict[str, EntryPoint]:
    """All parts, in order."""
    offered = {each.name: each for each in entry_points(group="egress_diag.doctor")}
    known = [name for name in ORDER if name in offered]
    return {name: offered[name] for name in [*known, *sorted(offered.keys() - set(ORDER))]}


@click.command()
@click.option("--config", type=click.Path(), help="Configuration file.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--only", help="Try only these parts: configuration, workers, clusters, slack; commas between.")
def doctor(config: str | None, output: str, only: str | None) -> None:
    """Try every configured access and say what is missing.

    Each part has to be tried where its credentials are: `--only clusters` and `--only workers` in a worker, `--only slack`
    in the bot. Exit codes: 0 all well, 1 something is wrong, 2 the command is wrong, 3 something could not be tried.
    """
    offered = parts()
    chosen = _chosen(only, offered)
    lines: list[Line] = []
    for name in chosen:
        part: Part = offered[name].load()
        lines += part(Asked(config, insisted=only is not None))
    if output == "json":
        click.echo(orjson.dumps(to_json(lines), option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(text(lines)))
    sys.exit(EXITS[worst(lines)])


def _chosen(only: str | None, offered: Iterable[str]) -> list[str]:
    known = list(offered)
    if only is None:
        return known
    wanted = [word.strip() for word in only.split(",") if word.strip()]
    for word in wanted:
        if word not in known:
            raise click.UsageError(f'no part "{word}"; there are {", ".join(known)}')
    if not wanted:
        raise click.UsageError(f"--only names no part; there are {', '.join(known)}")
    return [name for name in known if name in wanted]
