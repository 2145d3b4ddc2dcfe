"""Runs as records in Redis, with their documents, evidence, history and watches."""
