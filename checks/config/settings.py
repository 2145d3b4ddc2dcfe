"""The one door to the environment in `checks`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`$EGRESS_DIAG_CONFIG`: the configuration file where `--config` is not given."""

    model_config = SettingsConfigDict(env_prefix="EGRESS_DIAG_", extra="ignore", env_ignore_empty=True)

    config: Path | None = None


class Whereabouts(BaseSettings):
    """Which pod this process runs in, if any: Kubernetes sets HOSTNAME to the pod's name and says where its API server is."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    name: str = Field("", validation_alias="HOSTNAME")
    api_server: str = Field("", validation_alias="KUBERNETES_SERVICE_HOST")
