"""The clusters for which a person may request digests and handoffs."""

from bot.access.record_permissions import check_any_cluster
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from checks.config import access_rules
from checks.config.configuration import Permission


def permitted_clusters(
    handler: InteractionHandler, interaction: Interaction, permission: Permission
) -> tuple[tuple[str, ...], str]:
    """The clusters with a gateway for which the person has the permission in this channel.

    The second value is the reason for a refusal if there are none.
    """
    requester, config = handler.requester(interaction), handler.config
    names = [each.name for each in config.clusters]
    decision = check_any_cluster(config, requester, permission)
    return access_rules.clusters_with_permission(config.access, requester, permission, names), decision.reason
