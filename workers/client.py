"""All that the bot may ask of the workers: start, look, cancel, list, and what Slack has been given.

It imports neither Kubernetes nor Azure, publishes tasks by name, and answers within about half a second whatever Redis
does: every method may raise `Unavailable`, and then nothing was accepted or what was accepted is found again by its key.
"""

import secrets
from datetime import timedelta

from checks.config import Config
from workers.app import DIAGNOSE_QUEUE, make_publisher
from workers.connection import Unavailable, impatient, patient
from workers.documents import Documents
from workers.history import History
from workers.records import Accepted, GatewayVerdict, Listing, Order, Run
from workers.runs import Runs
from workers.sending import send
from workers.settings import Settings

__all__ = ["Client", "Unavailable", "connect"]


class Client:
    """The workers, as the bot sees them."""

    def __init__(self, runs: Runs, documents: Documents, history: History, settings: Settings) -> None:
        self.runs = runs
        self.documents = documents
        self.history = history
        self.settings = settings

    def start(self, order: Order) -> Accepted:
        """Accepts an order and sends it to the workers. Where the broker does not take the task the record stands, and
        the janitor sends it again: an accepted order is never lost."""
        accepted = self.runs.accept(order)
        if not accepted.joined and not accepted.repeated:
            self.documents.changed(f"run/{accepted.run.id}")
            send(self.documents.publisher, "workers.diagnose", accepted.run.id, DIAGNOSE_QUEUE)
        elif accepted.joined:
            self.documents.changed(f"run/{accepted.run.id}")
        return accepted

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
            self.documents.changed(f"run/{run.id}")
        return stopped

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
        return tuple(name for name, enabled in self.history.inventory(cluster)[0] if enabled)


def connect(settings: Settings, config: Config, *, patience: bool = False) -> Client:
    """A client with connections of its own; with `patience` for workers and courier, which ride out a restart of Redis."""
    connection = patient(settings.redis_url) if patience else impatient(settings.redis_url)
    keep, evidence = config.retention.runs, config.retention.evidence
    return Client(
        Runs(connection, settings.prefix, keep, min(evidence, keep)),
        Documents(connection, settings.prefix, make_publisher(settings), _seconds(keep)),
        History(connection, settings.prefix, _seconds(keep)),
        settings,
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
