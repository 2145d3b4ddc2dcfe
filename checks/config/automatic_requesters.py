"""The requesters of checks that are not users of Slack."""

from checks.config.alert_configuration import ALERT_USER

WORKFLOW_USER = "workflows"
"""The user of workflows in access rules, in runs and in the audit."""

AUTOMATIC_USERS = frozenset({ALERT_USER, WORKFLOW_USER})
"""They get no messages of their own, and are not mentioned."""
