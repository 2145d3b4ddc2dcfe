"""TLS settings of two sides of a hop that do not match, and missing Secrets."""
