"""Faults of objects of the Gateway API."""
