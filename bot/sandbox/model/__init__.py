"""The workspace in memory: contents, injected faults, permissions, rules for blocks."""
