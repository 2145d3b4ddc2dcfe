"""All that the bot may ask of the workers: start, look, cancel, list, and what Slack has been given.

It imports neither Kubernetes nor Azure, publishes tasks by name, and answers within about half a second whatever Redis
does: every method may raise `Unavailable`, and then nothing was accepted or what was accepted is found again by its key.
"""

import secrets
from datetime import timedelta

from celery import Celery
from redis import Redis

from checks.config.configuration import Config
from workers.fleet.service import Fleet
from workers.queue.app import DIAGNOSE_QUEUE, make_publisher
from workers.queue.connection import Unavailable, impatient, patient
from workers.queue.presence import Presence
from workers.queue.sending import send
from workers.queue.settings import Settings
from workers.runs.audit import Audit
from workers.runs.documents import Documents
from workers.runs.evidence import Evidence
from workers.runs.history import History
from workers.runs.places import Places
from workers.runs.records import Accepted, GatewayVerdict, Listing, Order, Run, Target, Watch
from workers.runs.store import REMARKED, Runs
from workers.runs.watches import Watches

__all__ = ["Client", "Unavailable", "connect"]


class Client:
    """The workers, as the bot sees them."""

    def __init__(self, connection: Redis, publisher: Celery, settings: Settings, config: Config) -> None:
        prefix, keep = settings.prefix, _seconds(config.retention.runs)
        keep_evidence = min(config.retention.evidence, config.retention.runs)
        self.settings = settings
        self.runs = Runs(connection, prefix, config.retention.runs, keep_evidence)
        self.documents = Documents(connection, prefix, publisher, keep)
        self.history = History(connection, prefix, keep)
        self.watches = Watches(connection, prefix, keep, settings.watch_interval)
        self.evidence = Evidence(connection, prefix, _seconds(keep_evidence))
        self.places = Places(connection, prefix, keep)
        self.audit = Audit(connection, prefix)
        self.presence = Presence(connection, prefix)
        self.fleet = Fleet(connection, prefix, keep, self.documents, self.history)

    def start(self, order: Order) -> Accepted:
        """Accepts an order and sends it to the workers. Where the broker does not take the task the record stands, and
        the janitor sends it again: an accepted order is never lost."""
        accepted = self.runs.accept(order)
        if not accepted.joined and not accepted.repeated:
            self.changed(accepted.run)
            send(self.documents.publisher, "workers.diagnose", accepted.run.id, DIAGNOSE_QUEUE)
        elif accepted.joined:
            self.changed(accepted.run)
        return accepted

    def changed(self, run: Run, *, ended: bool = False) -> None:
        """Tells the courier that a run has changed, at once where it has ended. A watch's run is not shown by itself."""
        if not run.order.watch:
            self.documents.changed(f"run/{run.id}", urgent=ended)

    def follow(self, run: Run) -> None:
        """A run that repeats another one has ended: the one before shows it, too."""
        before = self.run(run.order.after or "")
        while before is not None and before.order.after is not None:
            before = self.run(before.order.after)
        if before is not None:
            self.runs.followed(before.id, run.id)
            self.changed(before)

    def close(self) -> None:
        """Lets go of the connections."""
        self.documents.publisher.close()
        self.runs.redis.close()

    def ping(self) -> None:
        """Whether Redis answers: raises Unavailable where it does not."""
        self.runs.redis.ping()

    def run(self, run_id: str) -> Run | None:
        """The run, or None where it is unknown or too old."""
        return self.runs.get(run_id)

    def active(self, channel: str | None = None, user: str | None = None) -> tuple[Run, ...]:
        """The runs that have not ended, of a channel and of a user where given."""
        return tuple(
            run for run in self.runs.active() if channel in (None, run.order.channel) and user in (None, run.order.user)
        )

    def cancel(self, run: Run, user: str) -> bool:
        """Stops a run; False where it had ended already."""
        stopped = self.runs.cancel(run, user)
        if stopped:
            self.changed(run, ended=True)
        return stopped

    def own(self, run: Run, user: str) -> None:
        """Somebody is on it."""
        self.runs.own(run, user)
        self.history.own(run, user)
        self.changed(run)

    def remark(self, run: Run, user: str, comment: str) -> None:
        """Somebody says that a run is wrong: it is kept with the comment."""
        self.runs.remark(run, user, comment)
        self.evidence.preserve(run.id, REMARKED)

    def watch(self, target: Target, user: str, channel: str, thread: str | None, span: timedelta) -> tuple[Watch, bool]:
        """Begins a watch; True with one that was going already."""
        watch, joined = self.watches.begin(target, user, channel, thread, span)
        self.documents.changed(f"watch/{watch.id}")
        return watch, joined

    def stop_watch(self, watch: Watch, user: str) -> None:
        """Ends a watch."""
        self.watches.stop(watch, user)
        self.documents.changed(f"watch/{watch.id}")

    def refresh(self, cluster: str) -> None:
        """Asks a worker which gateways a cluster has, for suggestions; at most once a minute, and nobody waits for it."""
        if self.history.asks_again(cluster):
            send(self.documents.publisher, "workers.refresh", cluster, DIAGNOSE_QUEUE, expires=60)

    def list_gateways(self, cluster: str, user: str, channel: str, response_url: str) -> Listing:
        """Asks a worker which gateways a cluster has; the answer is the document `listing/ID`."""
        listing = Listing(secrets.token_hex(6), cluster, user, channel, response_url)
        self.history.save_listing(listing)
        if not send(self.documents.publisher, "workers.list_gateways", listing.id, DIAGNOSE_QUEUE):
            raise Unavailable("the broker did not take the question")
        return listing

    def verdicts(self, cluster: str) -> dict[str, GatewayVerdict]:
        """The last verdict of each gateway of a cluster, by `namespace/name`."""
        return self.history.verdicts(cluster)

    def known_gateways(self, cluster: str) -> tuple[str, ...]:
        """`namespace/name` of the gateways last seen in a cluster: for suggestions, perhaps out of date."""
        return tuple(name for name, enabled in self.history.inventory(cluster).gateways if enabled)


def connect(settings: Settings, config: Config, *, patience: bool = False) -> Client:
    """A client with connections of its own; with `patience` for workers and courier, which ride out a restart of Redis."""
    connection = patient(settings.redis_url) if patience else impatient(settings.redis_url)
    return Client(connection, make_publisher(settings), settings, config)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
