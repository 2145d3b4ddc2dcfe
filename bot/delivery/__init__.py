"""Delivery to Slack: threads, uploads, pictures, and messages to one person."""
