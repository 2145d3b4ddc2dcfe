"""Making Slack match a document: threads, uploads, pictures, the remaining way to a person."""
