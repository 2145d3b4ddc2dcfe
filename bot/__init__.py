"""Talks to people: the only ring that knows Slack."""
