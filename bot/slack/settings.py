"""The environment variables of the bot; no other module of `bot` reads the environment."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr

from checks.config.environment import EnvironmentSettings, Token, WebAddress
from checks.config.settings import CONFIG_FILE

_ONE_LINE = "one line of ASCII characters without spaces (does the Secret end with a line break?)"


class SlackSettings(EnvironmentSettings):
    """Slack's tokens and addresses, and the token of alerts (docs/contract.md#environment).

    Secrets are never printed, logged or posted. Raises BadSetting.
    """

    slack_bot_token: Token = Field(SecretStr(""), validation_alias="SLACK_BOT_TOKEN", description=_ONE_LINE)
    slack_signing_secret: Token = Field(SecretStr(""), validation_alias="SLACK_SIGNING_SECRET", description=_ONE_LINE)
    slack_app_token: Token = Field(SecretStr(""), validation_alias="SLACK_APP_TOKEN", description=_ONE_LINE)
    alerts_token: Token = Field(SecretStr(""), validation_alias="EGRESS_DIAG_ALERTS_TOKEN", description=_ONE_LINE)
    slack_api_url: WebAddress = Field(
        "https://slack.com/api/",
        validation_alias="SLACK_API_URL",
        description="an address that begins with https:// or http://",
    )
    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG", description=CONFIG_FILE)

    @property
    def socket_mode(self) -> bool:
        """Whether the bot uses Socket Mode: an app-level token is set."""
        return bool(self.slack_app_token.get_secret_value())

    @property
    def missing(self) -> tuple[str, ...]:
        """The variables that the mode requires and that are not set."""
        wanted = {"SLACK_BOT_TOKEN": self.slack_bot_token}
        if not self.socket_mode:
            wanted["SLACK_SIGNING_SECRET"] = self.slack_signing_secret
        return tuple(name for name, value in wanted.items() if not value.get_secret_value())


@cache
def slack_settings() -> SlackSettings:
    """The settings of this process, read once from the environment."""
    return SlackSettings()
