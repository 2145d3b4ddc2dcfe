"""Permissions: the access rules of the configuration and Slack's user groups."""
