"""What people can ask for, as values: commands, and the words of a thread."""

from dataclasses import dataclass
from datetime import timedelta

from bot.grammar.fleet_commands import FleetCommand
from workers.runs.records import Target


@dataclass(frozen=True, slots=True)
class Diagnose:
    """`<cluster> [<namespace>/]<gateway> [--host H] [--from NS/WORKLOAD]`."""

    target: Target


@dataclass(frozen=True, slots=True)
class WatchGateway:
    """`watch <cluster> <gateway> [30m]`: check again until it works or the time is up."""

    target: Target
    span: timedelta


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """`history <cluster> <gateway>`: the last runs, and what changed between them."""

    target: Target


@dataclass(frozen=True, slots=True)
class OpenForm:
    """Nothing at all: the form."""


@dataclass(frozen=True, slots=True)
class ListClusters:
    """`list`: the clusters that the asker may look at."""


@dataclass(frozen=True, slots=True)
class ListGateways:
    """`list <cluster>`: its gateways with their last verdict."""

    cluster: str


@dataclass(frozen=True, slots=True)
class CancelRuns:
    """`cancel`: this channel's runs that the asker started."""


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """`help`."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that cannot be meant: the sentence for the person, and whole commands that may have been."""

    message: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckAgain:
    """In a thread: check again."""


@dataclass(frozen=True, slots=True)
class ExplainFindings:
    """In a thread: how the findings follow from one another."""


@dataclass(frozen=True, slots=True)
class StopHere:
    """In a thread: stop the run or the watch."""


@dataclass(frozen=True, slots=True)
class WatchHere:
    """In a thread: `watch [30m]`."""

    span: timedelta


@dataclass(frozen=True, slots=True)
class ListCommands:
    """In a thread: every command of the findings, to copy."""


GatewayCommand = (
    Diagnose | WatchGateway | ShowHistory | OpenForm | ListClusters | ListGateways | CancelRuns | ShowHelp | Mistake
)
Command = GatewayCommand | FleetCommand
ThreadCommand = CheckAgain | ExplainFindings | StopHere | WatchHere | ListCommands
