"""The basic values of a diagnosis. No I/O.

Findings, questions, commands, durations, quantities, redaction.
"""
