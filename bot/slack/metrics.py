"""What the bot counts, for `GET /metrics`."""

from prometheus_client import Counter, Histogram

COMMANDS = Counter("egress_diag_commands_total", "Commands and presses by what became of them.", ["outcome"])
ACKNOWLEDGED = Histogram(
    "egress_diag_acknowledge_seconds",
    "From a request's arrival to its acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
SLACK_CALLS = Counter(
    "egress_diag_slack_calls_total",
    "Calls of Slack's API, by method and by what Slack said (ok, or its error).",
    ["method", "outcome"],
)
INTERNAL_ERRORS = Counter("egress_diag_faults_total", "Errors of the bot's own.")
