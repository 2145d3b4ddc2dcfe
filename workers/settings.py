"""The one door to the environment in `workers`."""

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`REDIS_URL`, `EGRESS_DIAG_CONFIG`, and the limits of a run; times in seconds."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG")
    prefix: str = Field("egress-diag:", validation_alias="EGRESS_DIAG_KEY_PREFIX")
    run_timeout: float = Field(60, gt=0, le=900, validation_alias="EGRESS_DIAG_RUN_TIMEOUT")
    """A run ends with what it has after this."""
    lease: float = Field(15, gt=0, validation_alias="EGRESS_DIAG_LEASE")
    """A run that nobody has renewed for this long is taken up again."""
    tick: float = Field(5, gt=0, validation_alias="EGRESS_DIAG_TICK")
    """How often the janitor looks."""
    concurrency: int = Field(4, ge=1, le=64, validation_alias="EGRESS_DIAG_CONCURRENCY")
    """Diagnoses at once in one worker process group."""

    @property
    def hard_limit(self) -> int:
        """Seconds after which the pool kills a task: far above the run's own deadline."""
        return int(self.run_timeout + 60)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
