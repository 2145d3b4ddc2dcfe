"""The client of the workers: the requests of the bot, and the records that it reads.

It imports neither Kubernetes nor Azure and publishes tasks by name. Each call takes about half a second at most, whatever
Redis does; each may raise `Unavailable`, and then nothing was accepted, or the request's key finds what was.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast

from checks.config.automatic_requesters import AUTOMATIC_USERS
from checks.config.configuration import Config
from workers.client.actions import ActionClient
from workers.client.alerts import AlertClient
from workers.client.cards import CardClient
from workers.client.deliveries import DeliveryClient
from workers.client.fleet import FleetClient
from workers.client.gateways import GatewayClient
from workers.client.stores import Stores
from workers.client.workflows import WorkflowClient
from workers.fleet.service import current_time
from workers.queue.celery_app import DIAGNOSE_QUEUE, make_publisher
from workers.queue.connection import Unavailable, check_writable, quick_connection, retrying_connection
from workers.queue.sending import send
from workers.queue.settings import WorkerSettings
from workers.records.action import ActionOrder, ActionRecord
from workers.records.alert import ThreadAlerts
from workers.records.digest import Digest, DigestOrder
from workers.records.handoff import Handoff, HandoffOrder
from workers.records.history import GatewayVerdict
from workers.records.listing import Listing
from workers.records.run import Accepted, Order, Run, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch
from workers.records.workflow import WorkflowStep
from workers.runs.audit import AuditEntry
from workers.runs.run_store import REMARKED_KEPT
from workers.telemetry.metrics import BacklogCollector

log = logging.getLogger(__name__)

_Record = TypeVar(
    "_Record", Run, Watch, Listing, Digest, Handoff, Schedule, Target, ActionRecord, ThreadAlerts, WorkflowStep
)
_Active = TypeVar("_Active", Run, Watch, Schedule, ActionRecord)


@dataclass(frozen=True, slots=True)
class InstallationState:
    """The state of an installation: active runs and watches, gateways, and running processes."""

    runs: tuple[Run, ...]
    watches: tuple[Watch, ...]
    verdicts: tuple[GatewayVerdict, ...]
    """The last verdict of each gateway of the clusters."""
    owners: dict[tuple[str, str], str]
    """The owner of each gateway's current or last incident, by cluster and `namespace/name`."""
    processes: Counter[str]
    """The number of processes that announced themselves in the last minute, by role."""
    undelivered: int
    """The number of documents with changes that Slack does not show yet."""


class Client:
    """The bot's only interface to the workers."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.gateways = GatewayClient(stores)
        self.fleet = FleetClient(stores)
        self.deliveries = DeliveryClient(stores)
        self.cards = CardClient(stores)
        self.actions = ActionClient(stores)
        self.alerts = AlertClient(stores, self.start)
        self.workflows = WorkflowClient(stores, self.start)
        self.conversations = stores.conversations
        self.refused_blocks = stores.refused_blocks
        self.watch_interval = stores.watches.interval
        """The time between two checks of a watch."""
        self._readers: dict[type, Callable[[str], Any]] = {
            Run: stores.runs.get,
            Watch: stores.watches.get,
            Listing: stores.listings.get,
            Digest: stores.fleet.digests.get,
            Handoff: stores.fleet.handoffs.get,
            Schedule: stores.fleet.schedules.find,
            Target: stores.conversations.last_target,
            ActionRecord: stores.actions.get,
            ThreadAlerts: stores.alerts.of_thread,
            WorkflowStep: stores.workflows.get,
        }
        self._active: dict[type, Callable[[], Any]] = {
            Run: stores.runs.active,
            Watch: stores.watches.active,
            Schedule: lambda: stores.fleet.schedules.all(stores.config),
            ActionRecord: self.actions.active,
        }

    # records

    def get(self, kind: type[_Record], record_id: str) -> _Record | None:
        """One record, or None if it is unknown, too old, or (a digest) not composed yet.

        A schedule is found only if a person added it. A target is the one last diagnosed in a channel by a user
        (`CHANNEL/USER`); alerts are those of the thread that the run with this ID heads.
        """
        return cast("_Record | None", self._readers[kind](record_id))

    def active(self, kind: type[_Active]) -> tuple[_Active, ...]:
        """The runs, watches or active steps that have not ended, oldest first, or all schedules.

        Suspended schedules are among them.
        """
        return cast("tuple[_Active, ...]", self._active[kind]())

    def installation(self, clusters: Iterable[str]) -> InstallationState:
        """The state of the installation, with the gateways of these clusters."""
        names = sorted(clusters)
        history = self._stores.history
        return InstallationState(
            runs=self._stores.runs.active(),
            verdicts=tuple(verdict for name in names for verdict in history.verdicts(name).values()),
            owners={(name, gateway): user for name in names for gateway, user in self.cards.owners(name).items()},
            processes=Counter(process.role for process in self._stores.presence.present(current_time())),
            watches=self._stores.watches.active(),
            undelivered=self._stores.documents.due_count(),
        )

    # requests

    def start(self, order: Order) -> Accepted:
        """Accept a request and send it to the workers.

        It is answered in the thread of the gateway's card, if the gateway has one in the channel. Its target becomes the
        last one of its channel, unless a watch makes the request.

        If the broker does not take the task, the record stands and the janitor sends it later: an accepted request is
        never lost.
        """
        order = self._stores.placed(order, current_time())
        accepted = self._stores.runs.accept(order)
        if not accepted.repeated:
            self._stores.run_changed(accepted.run)
        if not accepted.joined and not accepted.repeated:
            send(self._stores.publisher, "workers.diagnose", accepted.run.id, DIAGNOSE_QUEUE)
        if not order.watch:
            self.conversations.remember_target(order.channel, order.target, order.user)
        return accepted

    def watch(
        self,
        target: Target,
        user: str,
        channel: str,
        thread: str | None,
        span: timedelta,
        groups: Sequence[str] = (),
        head: str = "",
    ) -> tuple[Watch, bool]:
        """Begin a watch; True with one that was already under way.

        It is shown in the thread of the gateway's card, else in `thread`, which the parent message of the run `head` heads.
        """
        return self.cards.begin_watch(target, user, channel, thread, span, groups, head)

    def request(self, order: Listing | DigestOrder | HandoffOrder | Schedule | ActionOrder) -> None:
        """Request a listing, digests, a handoff, or the plan of an active step.

        Like a run, an accepted request is never lost: the janitor sends its task again.
        Raises BadRecurrence if the channel of a schedule already has a digest at one of its times.
        """
        match order:
            case ActionOrder():
                self.actions.request(order)
            case Listing():
                self._stores.listings.request(order)
                send(self._stores.publisher, "workers.list_gateways", order.id, DIAGNOSE_QUEUE)
            case DigestOrder():
                self._stores.fleet.digests.queue(order, current_time())
            case HandoffOrder():
                self._stores.fleet.handoffs.hand_over(order, self._stores.watches.active())
            case Schedule():
                self._stores.fleet.schedules.add(order, self._stores.config, current_time())

    def request_file(
        self, run: Run, kind: Literal["bundle", "report"]
    ) -> Literal["expired", "unreadable", "posted", "requested"]:
        """Request a run's evidence or report as a file in its thread.

        `expired` if it is no longer kept, `unreadable` if it cannot be read, `posted` if it is already in the thread.
        """
        kept = run.report is not None if kind == "report" else self._stores.evidence.has_bundle(run.id)
        if not kept:
            return "expired"
        if kind == "bundle" and not self._stores.evidence.is_readable(run.id):
            return "unreadable"
        document = f"file/{run.id}:{kind}"
        if "file" in self._stores.documents.deliveries(document).slots:
            return "posted"
        self._stores.documents.changed(document)
        return "requested"

    # runs, watches and schedules

    def stop(self, record: Run | Watch | Schedule | ActionRecord, user: str) -> bool:
        """End a run, a watch or an active step for a user, or remove a schedule that a user added.

        False if it had already ended, or if a worker has begun the step.
        """
        if isinstance(record, ActionRecord):
            return self.actions.cancel(record.id, user)
        if isinstance(record, Schedule):
            self._stores.fleet.schedules.remove(record.id)
            return True
        if isinstance(record, Watch):
            stopped = self._stores.watches.stop(record, user)
            self._stores.watch_changed(record)
            return stopped
        stopped = self._stores.runs.cancel(record, user)
        if stopped:
            self._stores.run_changed(record, ended=True)
        return stopped

    def own(self, run: Run, user: str, *, release: bool = False) -> None:
        """Make a user the owner of the incident of a run's gateway, or release it."""
        self._stores.adopt(run)
        cluster = run.order.target.cluster
        gateway = f"{run.report.namespace}/{run.report.gateway}" if run.report else run.order.target.gateway
        self.cards.change_owner(cluster, gateway, user, "button", release=release, run=run.id)

    def remark(self, run: Run, user: str, comment: str) -> None:
        """Record that a user considers a run wrong; the run and its evidence are kept for a year."""
        if self._stores.runs.remark(run, user, comment):
            self._stores.evidence.preserve(run.id, REMARKED_KEPT)

    # the installation

    def audit(self, entry: AuditEntry) -> None:
        """Append an entry to the audit, and record that its user uses the bot in its channel.

        Never raises.
        """
        if entry.channel and entry.outcome != "unavailable" and entry.user not in AUTOMATIC_USERS:
            try:
                self.conversations.note_presence(entry.user, entry.channel)
            except Unavailable as error:
                log.info("the channel of %s was not recorded: %s", entry.user, type(error).__name__)
        self._stores.audit.append(entry)

    def backlog_metrics(self) -> BacklogCollector:
        """A Prometheus collector of queue lengths, their age, and the courier's lag."""
        return BacklogCollector(self._stores.settings)

    def ping(self) -> None:
        """Raise Unavailable if Redis does not answer or takes no writes."""
        check_writable(self._stores.redis, self._stores.settings.prefix)


class ConnectedClient(Client):
    """A client with its own connections, closed by its owner. The workers use its stores."""

    def __init__(self, stores: Stores) -> None:
        super().__init__(stores)
        self.stores = stores

    def close(self) -> None:
        """Close the connections."""
        self.stores.close()


def connect(settings: WorkerSettings, config: Config, *, retry: bool = False) -> ConnectedClient:
    """A client with its own connections.

    With `retry` (workers, courier) they outlast a restart of Redis.
    """
    connection = retrying_connection(settings.redis_url) if retry else quick_connection(settings.redis_url)
    return ConnectedClient(Stores(connection, make_publisher(settings), settings, config))
