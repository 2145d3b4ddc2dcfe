"""Secrets and harmless texts in every notation, and what redaction makes of them."""
