"""The Slack bot: the only ring that knows Slack."""
