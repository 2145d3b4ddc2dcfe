"""The bot's interface to the workers: one typed client, and the stores behind it."""

from workers.client.client import Client, connect
from workers.queue.connection import Unavailable

__all__ = ["Client", "Unavailable", "connect"]
