"""The Slack bot: the only package that uses Slack."""
