"""Faults of routes: what is wrong, read off the outcome of a request."""
