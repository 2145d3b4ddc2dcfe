"""Data tables of log lines, events, error codes and calendars: the meaning and source of each row."""
