"""Interactions of people with the bot: who did what where, access, replies, and Slack's three seconds."""
