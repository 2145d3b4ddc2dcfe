"""The metrics, logs and traces of the processes."""
