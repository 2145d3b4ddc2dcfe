"""The gateways of clusters: their names, last verdicts and history."""

from dataclasses import dataclass
from datetime import UTC, datetime

from workers.client.stores import Stores
from workers.queue.celery_app import DIAGNOSE_QUEUE
from workers.queue.sending import send
from workers.records.canary import CanarySummary
from workers.records.gateway_state import GatewayState
from workers.records.history import PastRun


@dataclass(frozen=True, slots=True)
class GatewayHistory:
    """The last runs for a gateway, newest first, its last state, and its scheduled probes.

    The state is None if the gateway was never checked, `canary` is None without a scheduled probe.
    """

    past: tuple[PastRun, ...]
    state: GatewayState | None
    canary: CanarySummary | None = None


class GatewayClient:
    """Reads what is stored about gateways. A gateway's name is `namespace/name`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def known(self, cluster: str, *, checked: bool = False) -> tuple[str, ...]:
        """The gateways last seen in a cluster, for suggestions.

        With `checked`, those that were ever checked are added. The names may be out of date.
        """
        seen = tuple(name for name, enabled in self._stores.history.inventory(cluster).gateways if enabled)
        return tuple({*seen, *self._stores.fleet.ledger.states(cluster)}) if checked else seen

    def refresh(self, cluster: str) -> None:
        """Ask a worker which gateways a cluster has, for suggestions; at most once a minute."""
        if self._stores.history.may_refresh(cluster) and not self._stores.waiting.is_long(DIAGNOSE_QUEUE):
            send(self._stores.publisher, "workers.refresh", cluster, DIAGNOSE_QUEUE, expires=60)

    def history(self, cluster: str, gateway: str) -> GatewayHistory:
        """The last runs for one gateway and its last known state."""
        return GatewayHistory(
            self._stores.history.past_runs(cluster, gateway),
            self._stores.fleet.ledger.state(cluster, gateway),
            self._stores.canaries.summary(cluster, gateway, datetime.now(UTC)),
        )
