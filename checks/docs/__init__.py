"""Documentation generated from the checks, and the template for a new check."""
