"""Runs as records in Redis: accepted, appended to, ended, remembered, and shown."""
