"""The commands that show the result of a printed step, and that take it back."""
