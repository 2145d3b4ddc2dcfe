"""The client of the workers.

It has the requests from the bot, and what the bot reads to answer people.

It imports neither Kubernetes nor Azure and publishes tasks by name. Each call takes about half a second at most, whatever
Redis does; each may raise `Unavailable`, and then nothing was accepted, or the request's key finds what was.
"""

import secrets
from datetime import timedelta

from checks.config.configuration import Config
from workers.client.delivery import DeliveryClient
from workers.client.fleet import FleetClient
from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.queue.app import DIAGNOSE_QUEUE, make_publisher
from workers.queue.connection import Unavailable, quick_connection, retrying_connection
from workers.queue.presence import Process
from workers.queue.sending import send
from workers.queue.settings import WorkerSettings
from workers.records.history import GatewayVerdict, Ownership, PastRun
from workers.records.listing import Listing
from workers.records.run import Accepted, Order, Run, Target
from workers.records.watch import Watch
from workers.runs.audit import Entry
from workers.runs.store import REMARKED_KEPT
from workers.telemetry.metrics import BacklogCollector


class Client(FleetClient, DeliveryClient):
    """The bot's only interface to the workers."""

    # runs

    def start(self, order: Order) -> Accepted:
        """Accepts a request and sends it to the workers.

        If the broker does not take the task, the record stands and the janitor sends it later: an accepted request is
        never lost.
        """
        accepted = self.stores.runs.accept(order)
        if not accepted.repeated:
            self.stores.run_changed(accepted.run)
        if not accepted.joined and not accepted.repeated:
            send(self.stores.publisher, "workers.diagnose", accepted.run.id, DIAGNOSE_QUEUE)
        return accepted

    def run(self, run_id: str) -> Run | None:
        """A run, or None if it is unknown or too old."""
        return self.stores.runs.get(run_id)

    def active_runs(self, channel: str | None = None, user: str | None = None) -> tuple[Run, ...]:
        """The runs that have not ended, oldest first, optionally of one channel and one user."""
        return tuple(
            run
            for run in self.stores.runs.active()
            if channel in (None, run.order.channel) and user in (None, run.order.user)
        )

    def cancel(self, run: Run, user: str) -> bool:
        """Stops a run. False if it had already ended."""
        stopped = self.stores.runs.cancel(run, user)
        if stopped:
            self.stores.run_changed(run, ended=True)
        return stopped

    def own(self, run: Run, user: str) -> None:
        """Makes a user the owner of a run's incident."""
        self.stores.runs.own(run, user)
        self.stores.history.own_run(run, user)
        self.stores.run_changed(run)

    def remark(self, run: Run, user: str, comment: str) -> None:
        """Records that a user considers a run wrong; the run and its evidence are kept for a year."""
        self.stores.runs.remark(run, user, comment)
        self.stores.evidence.preserve(run.id, REMARKED_KEPT)

    def evidence(self, run_id: str) -> bytes | None:
        """A run's evidence as a packed bundle, or None if it is no longer kept."""
        return self.stores.evidence.bundle(run_id)

    def has_evidence(self, run_id: str) -> bool:
        """Whether a run's evidence is kept."""
        return self.stores.evidence.has_bundle(run_id)

    # gateways

    def list_gateways(self, cluster: str, user: str, channel: str, response_url: str) -> Listing:
        """Asks a worker which gateways a cluster has; the answer is the document `listing/ID`."""
        listing = Listing(secrets.token_hex(6), cluster, user, channel, response_url)
        self.stores.history.save_listing(listing)
        if not send(self.stores.publisher, "workers.list_gateways", listing.id, DIAGNOSE_QUEUE):
            raise Unavailable("the broker did not take the task")
        return listing

    def listing(self, listing_id: str) -> Listing | None:
        """The answer to one `list` command, or None if it is too old."""
        return self.stores.history.listing(listing_id)

    def refresh_gateways(self, cluster: str) -> None:
        """Asks a worker which gateways a cluster has, for suggestions; at most once a minute."""
        if self.stores.history.may_refresh(cluster):
            send(self.stores.publisher, "workers.refresh", cluster, DIAGNOSE_QUEUE, expires=60)

    def known_gateways(self, cluster: str) -> tuple[str, ...]:
        """`namespace/name` of the gateways last seen in a cluster, for suggestions.

        May be out of date.
        """
        return tuple(name for name, enabled in self.stores.history.inventory(cluster).gateways if enabled)

    def verdicts(self, cluster: str) -> dict[str, GatewayVerdict]:
        """The last verdict of each gateway of a cluster, by `namespace/name`."""
        return self.stores.history.verdicts(cluster)

    def past_runs(self, cluster: str, gateway: str) -> tuple[PastRun, ...]:
        """The last runs for a gateway (`namespace/name`), newest first."""
        return self.stores.history.past_runs(cluster, gateway)

    def owners(self, cluster: str) -> dict[str, Ownership]:
        """The owner of each gateway's incident, by `namespace/name`.

        Also of incidents that have ended.
        """
        return self.stores.history.owners(cluster)

    def note_verdict(self, run: Run) -> None:
        """Records the verdict of a run that has ended, if the worker could not."""
        self.stores.history.record_verdict(run)

    # watches

    def watch(self, target: Target, user: str, channel: str, thread: str | None, span: timedelta) -> tuple[Watch, bool]:
        """Begins a watch; True with one that was already under way."""
        watch, joined = self.stores.watches.begin(target, user, channel, thread, span)
        self.stores.documents.changed(f"watch/{watch.id}")
        return watch, joined

    def find_watch(self, watch_id: str) -> Watch | None:
        """A watch, or None if it is unknown or too old."""
        return self.stores.watches.get(watch_id)

    def active_watches(self, user: str | None = None) -> tuple[Watch, ...]:
        """The watches that have not ended, oldest first, optionally of one user."""
        return self.stores.watches.active(user)

    def stop_watch(self, watch: Watch, user: str) -> None:
        """Ends a watch."""
        self.stores.watches.stop(watch, user)
        self.stores.documents.changed(f"watch/{watch.id}")

    @property
    def watch_interval(self) -> timedelta:
        """The time between two checks of a watch."""
        return self.stores.watches.interval

    # requests and threads

    def first_time(self, request: str) -> bool:
        """Whether a press, mention or form arrives for the first time: Slack delivers some twice."""
        return self.stores.conversations.first_time(request)

    def remember_thread(self, channel: str, thread: str, run_id: str) -> None:
        """Ties a thread to a run; the latest run counts."""
        self.stores.conversations.remember_thread(channel, thread, run_id)

    def run_of_thread(self, channel: str, thread: str) -> str | None:
        """The run that a thread belongs to, or None."""
        return self.stores.conversations.run_of_thread(channel, thread)

    def remember_target(self, channel: str, target: Target) -> None:
        """Records the target last diagnosed in a channel."""
        self.stores.conversations.remember_target(channel, target)

    def last_target(self, channel: str) -> Target | None:
        """The target last diagnosed in a channel, or None."""
        return self.stores.conversations.last_target(channel)

    # the installation

    def audit(self, entry: Entry) -> None:
        """Appends an entry to the audit. Never raises."""
        self.stores.audit.append(entry)

    def processes(self) -> tuple[Process, ...]:
        """The processes that have announced themselves in the last minute, by name."""
        return self.stores.presence.present(current_time())

    def backlog_metrics(self) -> BacklogCollector:
        """A Prometheus collector of queue lengths, their age, and the courier's lag."""
        return BacklogCollector(self.stores.settings)

    def ping(self) -> None:
        """Raises Unavailable if Redis does not answer."""
        self.stores.redis.ping()

    def close(self) -> None:
        """Closes the connections."""
        self.stores.close()


def connect(settings: WorkerSettings, config: Config, *, retry: bool = False) -> Client:
    """A client with its own connections.

    With `retry` (workers, courier) they outlast a restart of Redis.
    """
    connection = retrying_connection(settings.redis_url) if retry else quick_connection(settings.redis_url)
    return Client(Stores(connection, make_publisher(settings), settings, config))
