"""The one door to Slack: client, errors, identity, settings."""
