"""The result and the way back of printed steps."""
