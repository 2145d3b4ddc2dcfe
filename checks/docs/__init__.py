"""Pages generated from the checks, and `make new`."""
