"""The requirements that the part `slack` of `egress-diag doctor` checks, each with its fix."""

from checks.doctor.requirement_lines import Requirement

_PART = "slack"

SLACK_REACHABLE = Requirement(
    _PART,
    "slack-reachable",
    "Slack answers",
    "Let this pod reach slack.com and wss-primary.slack.com on port 443 (NetworkPolicy, firewall, HTTPS_PROXY).",
)
SLACK_ADDRESS = Requirement(
    _PART,
    "slack-address",
    "The API address belongs to Slack",
    "Remove SLACK_API_URL, except in a test or for GovSlack.",
)
TOKEN = Requirement(
    _PART,
    "slack-token",
    "Slack accepts the bot token",
    "Set SLACK_BOT_TOKEN to the Bot User OAuth Token (xoxb-…) from the app's page OAuth & Permissions; if it was revoked, "
    "install the app again.",
)
SCOPE = Requirement(
    _PART,
    "slack-scope",
    "The token has the scope",
    "Add it under OAuth & Permissions, Bot Token Scopes (or paste bot/manifest.yaml under App Manifest) and reinstall the app.",
)
UNUSED_SCOPES = Requirement(
    _PART,
    "slack-fewest-scopes",
    "The token has no unused scopes",
    "Remove it under OAuth & Permissions, then reinstall the app.",
)
SIGNING_SECRET = Requirement(
    _PART,
    "slack-signing-secret",
    "The signing secret is set",
    "Set SLACK_SIGNING_SECRET to the Signing Secret from the app's page Basic Information; without it, requests are rejected.",
)
APP_TOKEN = Requirement(
    _PART,
    "slack-app-token",
    "Socket Mode can be opened",
    "Set SLACK_APP_TOKEN to an app-level token (xapp-…) with connections:write from the page Basic Information, and enable "
    "Socket Mode; or remove it to use HTTP.",
)
ALERTS_TOKEN = Requirement(
    _PART,
    "alerts-token",
    "The bearer token of alerts is set",
    "Set EGRESS_DIAG_ALERTS_TOKEN to the token that Alertmanager sends (chart: alerts.existingSecret), or remove the section "
    "`alerts` of the configuration.",
)
ALERTS_ACCESS = Requirement(
    _PART,
    "alerts-access",
    "An access rule permits the checks that alerts start",
    "Add a rule such as `{allow: [diagnose], users: [alerts], channels: [CHANNEL]}` before the rules that deny it.",
)
SLACK_CHANNEL = Requirement(
    _PART,
    "slack-channel",
    "The bot is in the channel",
    "Invite it there: /invite @egress-diag. If the channel no longer exists, remove its id from the configuration.",
)
USER_GROUP = Requirement(
    _PART,
    "slack-group",
    "The user group exists",
    "Correct the id (S…) in the access rules; Slack shows it in the group's address.",
)
SLACK_CLOCK = Requirement(
    _PART,
    "slack-clock",
    "The clock agrees with Slack's",
    "Synchronize the node's clock (NTP, chrony): requests that are off by 300 s or more are rejected.",
)

SLACK_REQUIREMENTS = (
    SLACK_REACHABLE,
    SLACK_ADDRESS,
    TOKEN,
    SCOPE,
    UNUSED_SCOPES,
    SIGNING_SECRET,
    APP_TOKEN,
    ALERTS_TOKEN,
    ALERTS_ACCESS,
    SLACK_CHANNEL,
    USER_GROUP,
    SLACK_CLOCK,
)
