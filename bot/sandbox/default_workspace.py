"""The default workspace of the sandbox."""

from __future__ import annotations

from bot.sandbox.model.clock import Clock
from bot.sandbox.model.state import App, Channel, User, UserGroup
from bot.sandbox.model.workspace import Workspace


def default_workspace(app: App, clock: Clock | None = None) -> Workspace:
    """Three people, a user group, channels with and without the bot, and an archived channel."""
    people = frozenset({"U0ALICE", "U0BOB", "U0CAROL"})
    with_bot = people | {app.bot_user}
    return Workspace(
        app=app,
        clock=clock,
        users=(
            User("U0ALICE", "alice", "Alice Moreau"),
            User("U0BOB", "bob", "Bob Lindqvist"),
            User("U0CAROL", "carol", "Carol Ibáñez"),
        ),
        groups=(UserGroup("S0ONCALL", "egress-oncall", "Egress on-call", ("U0ALICE",)),),
        channels=(
            Channel("C0OPS", "ops-egress", with_bot, "Egress gateways: incidents and changes"),
            Channel("C0PAY", "payments-oncall", with_bot, "Payments on call"),
            Channel("C0RANDOM", "random", people, "Off topic"),
            Channel("C0OLD", "old", with_bot, "An archived channel", is_archived=True),
        ),
    )
