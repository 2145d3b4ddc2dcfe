"""The Redis transport of Celery, which waits while Redis refuses commands.

Kombu 5.7 takes a lost connection for temporary, and every refusal (out of memory, read-only, volume full) for a mistake of
the program: worker and courier then end, and lose the message that they have just taken. Here a refusal is temporary,
too. The consumer reconnects, and the janitor sends lost messages again.
"""

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import Transport
from redis.exceptions import ResponseError


class WaitingTransport(Transport):
    """Kombu's transport, for which a refusal counts as a lost connection."""

    connection_errors = (*Transport.connection_errors, ResponseError)


def use_waiting_transport() -> None:
    """Use `WaitingTransport` for every Redis URL in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "workers.queue.transport:WaitingTransport"
