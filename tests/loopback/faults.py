"""Faults that a loopback server injects, with the names that tests use."""

from bot.sandbox.cluster.injected_faults import InjectedFault as Fault
from bot.sandbox.cluster.injected_faults import InjectedFaults as Faults

__all__ = ["Fault", "Faults"]
