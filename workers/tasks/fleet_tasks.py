"""The tasks of sweeps, digests and handoffs."""

from workers.fleet.service import present
from workers.fleet.sweeping import Sweeper
from workers.fleet.sweeps import AGAIN
from workers.queue.app import SWEEP_QUEUE, app
from workers.queue.sending import send
from workers.queue.settings import settings
from workers.tasks.process import client, clusters, config


@app.task(name="workers.sweep")
def sweep(part: str) -> None:
    """Looks at one cluster for one sweep: `SWEEP/CLUSTER`."""
    sweep_id, _, cluster = part.partition("/")
    fleet = client().stores.fleet
    limit = settings().run_timeout
    Sweeper(fleet.sweeps, fleet.ledger, config(), clusters().source, limit, present).carry_out(sweep_id, cluster)


@app.task(name="workers.ticks.fleet")
def tick() -> None:
    """One round of schedules, sweeps, digests and reminders."""
    stores = client().stores

    def part(name: str) -> bool:
        # What nobody has taken by then is sent again.
        return send(stores.publisher, "workers.sweep", name, SWEEP_QUEUE, expires=AGAIN)

    stores.fleet.tick(config(), present(), part)
