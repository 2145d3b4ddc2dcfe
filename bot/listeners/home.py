"""The App Home: published whenever somebody looks at it."""

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.access.rules import Asker, groups_needed, permissions, visible_anywhere
from bot.desk.desk import Desk
from bot.messages.home import Health, Overview, home
from bot.slack.client import SlackRefusal
from workers.client import Unavailable
from workers.runs.records import RunState

log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Listens to people who open the App Home."""

    @app.event("app_home_opened")
    def opened(event: dict[str, Any]) -> None:
        if event.get("tab", "home") == "home":
            show_home(desk, str(event.get("user", "")))


def show_home(desk: Desk, user: str) -> None:
    """Publishes what this person may see."""
    try:
        desk.slack.publish_home(user, home(overview(desk, user)))
        if desk.checkup.look():
            desk.slack.publish_home(user, home(overview(desk, user)))
    except SlackRefusal as refused:
        log.warning("the App Home of %s could not be shown: %s", user, refused)


def overview(desk: Desk, user: str) -> Overview:
    """What one person may see."""
    now = datetime.now(UTC)
    asker = Asker(user, "", desk.groups.of(user, groups_needed(desk.config)))
    may, clusters = permissions(desk.config, asker), visible_anywhere(desk.config, asker)
    client = desk.client
    try:
        runs = [run for run in client.active_runs() if run.order.target.cluster in clusters]
        waiting = [(now - run.created).total_seconds() for run in runs if run.state is RunState.QUEUED]
        verdicts = [v for cluster in sorted(clusters) for v in client.verdicts(cluster).values()]
        owners = {(c, name): owner.user for c in clusters for name, owner in client.owners(c).items()}
        roles = Counter(process.role for process in client.processes())
        return Overview(
            now,
            [run for run in runs if not run.order.watch],
            sorted(verdicts, key=lambda found: (found.cluster, found.namespace, found.gateway)),
            owners,
            client.active_watches(user),
            may,
            Health(
                roles["worker"], roles["beat"], roles["courier"], max(waiting, default=None), client.undelivered_count()
            ),
            desk.checkup.lines if may else (),
        )
    except Unavailable:
        return Overview(
            now,
            may=may,
            checkup=desk.checkup.lines if may else (),
            problem="Redis cannot be reached: what is going on is not known at the moment.",
        )
