"""The stored state of a cluster, read from the ledger and the history."""

from collections.abc import Sequence
from datetime import date, datetime

from workers.fleet.cluster_state import ClusterState
from workers.fleet.ledger import Ledger
from workers.fleet.owners import Owners
from workers.runs.canaries import Canaries
from workers.runs.history import History


class StoredStates:
    """Reads what is stored about the gateways of clusters.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, ledger: Ledger, history: History, canaries: Canaries, owners: Owners) -> None:
        self.ledger = ledger
        self.owners = owners
        self.history = history
        self.canaries = canaries

    def of(self, cluster: str, since: datetime, until: datetime, days: Sequence[date] = ()) -> ClusterState:
        """The state of a cluster, with its transitions in a span and the marks of these days."""
        states = self.ledger.states(cluster)
        return ClusterState(
            cluster=cluster,
            states=states,
            events=self.ledger.transitions(cluster, since, until),
            owners={name: user for name, user in self.owners.current(cluster).items() if name in states},
            days=self.ledger.days(cluster, days) if days else {},
            canaries=self.canaries.summaries(cluster, since, until),
        )
