"""The basic values of a diagnosis, without I/O.

They are findings, questions, commands, durations, quantities and redaction.
"""
