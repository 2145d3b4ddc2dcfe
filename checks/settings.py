"""The one door to the environment in `checks`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`$EGRESS_DIAG_CONFIG`: the configuration file where `--config` is not given."""

    model_config = SettingsConfigDict(env_prefix="EGRESS_DIAG_", extra="ignore")

    config: Path | None = None
