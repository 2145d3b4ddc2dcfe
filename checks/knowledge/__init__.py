"""Data tables of log lines, events, error codes and calendars.

Each row has its meaning and source.
"""
