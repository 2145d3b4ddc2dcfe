"""Digests and handoffs in Slack: listeners, messages, delivery."""
