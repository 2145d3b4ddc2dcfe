"""The environment variables of `checks`; no other module reads the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`$EGRESS_DIAG_CONFIG`: the configuration file if `--config` is not given."""

    model_config = SettingsConfigDict(env_prefix="EGRESS_DIAG_", extra="ignore", env_ignore_empty=True)

    config: Path | None = None


class PodSettings(BaseSettings):
    """The pod of this process, if it runs in one.

    Kubernetes sets its name and the address of the API server.
    """

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    name: str = Field("", validation_alias="HOSTNAME")
    api_server: str = Field("", validation_alias="KUBERNETES_SERVICE_HOST")
