"""What texts mean: data tables of log lines, events, error codes and calendars; pure, with the source of each row."""
