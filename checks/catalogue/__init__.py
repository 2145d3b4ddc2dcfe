"""The checks, by stage: one fault, one file."""
