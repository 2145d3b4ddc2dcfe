"""The metrics of the bot, for `GET /metrics`."""

from prometheus_client import Counter, Histogram

COMMANDS = Counter("egress_diag_commands_total", "Commands and presses by outcome.", ["outcome"])
ACKNOWLEDGED = Histogram(
    "egress_diag_acknowledge_seconds",
    "Seconds from the arrival of a request to its acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
ALERTS = Counter("egress_diag_alerts_total", "Alerts of Alertmanager by outcome.", ["outcome"])
ALERT_SECONDS = Histogram(
    "egress_diag_alert_answer_seconds",
    "Seconds from the arrival of a notification of Alertmanager to its answer.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10),
)
SLACK_CALLS = Counter(
    "egress_diag_slack_calls_total",
    "Calls of Slack's API, by method and outcome (ok, or Slack's error code).",
    ["method", "outcome"],
)
MALFORMED_PAYLOADS = Counter(
    "egress_diag_malformed_payloads_total", "Signed payloads without the fields of their kind."
)
INTERNAL_ERRORS = Counter("egress_diag_faults_total", "Internal errors of the bot.")
