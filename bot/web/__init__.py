"""The HTTP servers of the bot: Slack's signed requests, and health and metrics."""
