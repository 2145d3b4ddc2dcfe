"""Pure functions from a document to its messages in Slack, each under a stable slot."""
