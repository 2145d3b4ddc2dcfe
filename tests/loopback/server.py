"""The base of the loopback servers, which the demo shares with the tests."""

from bot.sandbox.cluster.loopback_server import LoopbackHandler, LoopbackServer

__all__ = ["LoopbackHandler", "LoopbackServer"]
