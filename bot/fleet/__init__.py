"""Digests, handoffs and mutes in Slack: listeners, messages, delivery."""
