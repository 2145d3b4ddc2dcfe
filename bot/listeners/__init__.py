"""The listeners for Slack's requests: they parse, check access, start the work, and acknowledge."""
