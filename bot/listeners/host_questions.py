"""Questions about a host that they name: the check of the route to it."""

from dataclasses import replace

from bot.grammar.commands import Diagnose, TraceHost
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.messages import term_answers
from bot.messages.blocks import Message
from workers.records.run import Run, Target

_MOST_CLUSTERS = 5
"""Clusters whose gateways are offered."""


def is_of_the_check(run: Run, asked: TraceHost) -> bool:
    """Whether the last check was about the host, and the named client, of a question."""
    target = run.order.target
    return target.host == asked.host and asked.client in (None, target.client)


def check_host(handler: InteractionHandler, run: Run, asked: TraceHost, interaction: Interaction) -> Message | None:
    """Check the route to a host through the gateway of the thread."""
    target = replace(run.order.target, host=asked.host, client=asked.client or run.order.target.client)
    return handler.diagnose(Diagnose(target), buttons.in_thread_of(handler, run, interaction))


def offer_gateways(handler: InteractionHandler, asked: TraceHost, interaction: Interaction) -> Message:
    """The gateways through which a host can be checked, in a place without a check."""
    last = handler.last_target(interaction)
    known = [
        Target(cluster, name, namespace)
        for cluster in list(handler.known_clusters(interaction))[:_MOST_CLUSTERS]
        for namespace, _, name in (full.partition("/") for full in handler.known_gateways(interaction, cluster))
    ]
    targets = [replace(each, host=None, client=None) for each in (*((last,) if last else ()), *known)]
    return term_answers.which_gateway_for(asked.host, targets)
