"""What the part `slack` of `egress-diag doctor` knows."""

from checks.doctor.requirement_lines import Requirement

_PART = "slack"

SLACK_REACHABLE = Requirement(
    _PART,
    "slack-reachable",
    "Slack answers",
    "Let this pod reach slack.com and wss-primary.slack.com on port 443 (NetworkPolicy, firewall, HTTPS_PROXY).",
)
SLACK_ADDRESS = Requirement(
    _PART, "slack-address", "The address is Slack's own", "Leave SLACK_API_URL out, unless this is a test or GovSlack."
)
TOKEN = Requirement(
    _PART,
    "slack-token",
    "Slack takes the bot token",
    "Set SLACK_BOT_TOKEN to the Bot User OAuth Token (xoxb-…) of the app's page OAuth & Permissions; install the app again if "
    "it was revoked.",
)
SCOPE = Requirement(
    _PART,
    "slack-scope",
    "The token has the scope",
    "Add it under OAuth & Permissions, Bot Token Scopes (or paste bot/manifest.yaml under App Manifest); reinstall the app.",
)
UNUSED_SCOPES = Requirement(
    _PART,
    "slack-fewest-scopes",
    "The token has no scope that is not used",
    "Take it away under OAuth & Permissions, then reinstall the app.",
)
SIGNING_SECRET = Requirement(
    _PART,
    "slack-signing-secret",
    "The signing secret is set",
    "Set SLACK_SIGNING_SECRET to the Signing Secret of the app's page Basic Information; without it no request is believed.",
)
APP_TOKEN = Requirement(
    _PART,
    "slack-app-token",
    "Socket Mode can be opened",
    "Set SLACK_APP_TOKEN to an app-level token (xapp-…) with connections:write, from the page Basic Information, and switch "
    "Socket Mode on; or leave it out for HTTP.",
)
SLACK_CHANNEL = Requirement(
    _PART,
    "slack-channel",
    "The bot is in the channel",
    "Invite it there: /invite @egress-diag. A channel that is gone: take its id out of the access rules.",
)
USER_GROUP = Requirement(
    _PART,
    "slack-group",
    "The user group exists",
    "Correct the id (S…) in the access rules: it is in the group's address in Slack.",
)
SLACK_CLOCK = Requirement(
    _PART,
    "slack-clock",
    "The clock agrees with Slack's",
    "Set the node's clock (NTP, chrony): requests that seem 300 s old or more are refused.",
)

SLACK_REQUIREMENTS = (
    SLACK_REACHABLE,
    SLACK_ADDRESS,
    TOKEN,
    SCOPE,
    UNUSED_SCOPES,
    SIGNING_SECRET,
    APP_TOKEN,
    SLACK_CHANNEL,
    USER_GROUP,
    SLACK_CLOCK,
)
