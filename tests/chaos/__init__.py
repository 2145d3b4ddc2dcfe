"""Faults of Redis and of the processes under load: kills, pauses and broken connections."""
