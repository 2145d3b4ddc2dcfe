"""The bot's interface to the workers: a typed client, and the bot's processes.

The bot imports only this package and the records that it returns (`workers.records`).
"""

from workers.client.client import Client, ConnectedClient, InstallationState, connect
from workers.client.gateways import GatewayHistory
from workers.queue.connection import Unavailable, redis_problem
from workers.runs.audit import AuditEntry
from workers.runs.documents import HeldDocument

__all__ = [
    "AuditEntry",
    "Client",
    "ConnectedClient",
    "GatewayHistory",
    "HeldDocument",
    "InstallationState",
    "Unavailable",
    "connect",
    "redis_problem",
]
