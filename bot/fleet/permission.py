"""The clusters for which a person may request digests and handoffs."""

from bot.access.rules import check_access
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from checks.config.configuration import Permission


def permitted_clusters(
    handler: InteractionHandler, interaction: Interaction, permission: Permission
) -> tuple[tuple[str, ...], str]:
    """The clusters for which the person has the permission in this channel.

    The second value is the reason for a refusal.
    """
    requester = handler.requester(interaction)
    found = [(c.name, check_access(handler.config, requester, permission, c.name)) for c in handler.config.clusters]
    reason = next((each.reason for _, each in found if not each.allowed), "No cluster is configured.")
    return tuple(name for name, each in found if each.allowed), reason
