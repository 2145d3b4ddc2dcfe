"""The commands that people can type, as values: slash commands and thread commands."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.grammar.fleet_commands import FleetCommand
from checks.actions.plan import ActionKind
from workers.records.run import Target


@dataclass(frozen=True, slots=True)
class Diagnose:
    """`<cluster> [<namespace>/]<gateway> [--host H] [--from NS/WORKLOAD]`."""

    target: Target


@dataclass(frozen=True, slots=True)
class WatchGateway:
    """`watch <cluster> <gateway> [30m]`: check until healthy or until the time is over."""

    target: Target
    span: timedelta


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """`history <cluster> <gateway>`: show the last runs and what changed between them."""

    target: Target


@dataclass(frozen=True, slots=True)
class RequestStep:
    """`probe <cluster> <gateway>` or `restart …`: request the plan of an active step."""

    target: Target
    kind: ActionKind
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class OpenForm:
    """No text: open the form."""


@dataclass(frozen=True, slots=True)
class ListClusters:
    """`list`: list the clusters that the person may check."""


@dataclass(frozen=True, slots=True)
class ListGateways:
    """`list <cluster>`: list its gateways with their last verdict."""

    cluster: str


@dataclass(frozen=True, slots=True)
class CancelRuns:
    """`cancel`: stop the runs that the person started in this channel."""


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """`help`: show the commands."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text that is not a valid command: an explanation, and complete commands as suggestions."""

    message: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckAgain:
    """`again` in a thread: check again."""


@dataclass(frozen=True, slots=True)
class ExplainFindings:
    """`why` in a thread: explain the findings by their causes, or the check with this code."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class StopHere:
    """`stop` in a thread: stop the run or the watch."""


@dataclass(frozen=True, slots=True)
class WatchHere:
    """`watch [30m]` in a thread: watch the gateway."""

    span: timedelta


@dataclass(frozen=True, slots=True)
class ExplainTerm:
    """`what is SNAT`: explain the term with this name."""

    term: str


@dataclass(frozen=True, slots=True)
class OfferOwnership:
    """`hand it over to @bob`: offer the incident of the thread to a user, "" without a mention."""

    user: str


@dataclass(frozen=True, slots=True)
class OwnHere:
    """`I take it` or `release` in a thread: take or release the ownership of the incident."""

    release: bool = False


@dataclass(frozen=True, slots=True)
class ListCommands:
    """`commands` in a thread: list the commands of all findings."""


@dataclass(frozen=True, slots=True)
class RequestStepHere:
    """`probe [gateway]` or `restart [deployment]` in a thread: request the plan of a step."""

    kind: ActionKind
    deployment: str = ""


class ThreadQuestion(StrEnum):
    """A question about the last check of a thread."""

    GATEWAY_OR_HOST = "is it the gateway or the host"
    GATEWAY = "is the gateway healthy"
    CHANGED = "what changed"
    NEXT = "what next"
    FIXED = "is it fixed"
    LASTED = "how long was it broken"
    OWNER = "who owns it"
    REPORT = "report"
    THANKS = "thanks"
    AFFECTED = "what is affected"
    SINCE = "since when"
    WHERE = "which gateway and host"
    RESTART = "can I restart it safely"
    TRIED = "what was tried"
    RAN = "I ran it"
    UNDO = "how do I undo it"
    NOT_CHECKED = "what was not checked"
    TRAFFIC = "is traffic failing"
    ADDRESS = "what is the egress IP"
    HISTORY = "history"
    EVIDENCE = "evidence"
    WHY = "why"
    COMMANDS = "commands"
    HELP = "what can I ask"


@dataclass(frozen=True, slots=True)
class AskHere:
    """A question in a thread, which is answered from the last check there."""

    question: ThreadQuestion


@dataclass(frozen=True, slots=True)
class TraceHost:
    """`does edition.cnn.com work` in a thread: check the route to this host.

    `otherwise` is the same question about a host that the last check was about.
    """

    host: str
    client: str | None = None
    otherwise: "ThreadCommand" = field(default_factory=CheckAgain)


GatewayCommand = (
    Diagnose | WatchGateway | ShowHistory | OpenForm | ListClusters | ListGateways | CancelRuns | ShowHelp | Mistake
)
Command = GatewayCommand | FleetCommand | RequestStep | ExplainTerm
ThreadCommand = (
    CheckAgain
    | ExplainFindings
    | ExplainTerm
    | StopHere
    | WatchHere
    | ListCommands
    | RequestStepHere
    | OfferOwnership
    | OwnHere
    | AskHere
    | TraceHost
)
