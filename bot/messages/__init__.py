"""Pure functions from a document to the messages that should exist in Slack, each under a stable slot."""
