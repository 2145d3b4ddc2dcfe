"""Everything that talks to Slack: client, errors, identity, settings."""
