"""The environment variables of the bot; no other module of `bot` reads the environment."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SlackSettings(BaseSettings):
    """Slack's tokens and addresses (docs/contract.md#environment).

    Secrets are never printed, logged or posted.
    """

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    slack_bot_token: SecretStr = Field(SecretStr(""), validation_alias="SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr = Field(SecretStr(""), validation_alias="SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr = Field(SecretStr(""), validation_alias="SLACK_APP_TOKEN")
    slack_api_url: str = Field("https://slack.com/api/", validation_alias="SLACK_API_URL")
    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG")

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
