"""The only place in `workers` that reads the environment."""

from functools import cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """`REDIS_URL`, `REDIS_PASSWORD`, `EGRESS_DIAG_CONFIG`, and the limits of a run in seconds."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    redis_password: SecretStr = Field(SecretStr(""), validation_alias="REDIS_PASSWORD")
    """Inserted into the URL, quoted.

    A password from a Secret may contain characters that a URL does not allow.
    """
    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG")
    prefix: str = Field("egress-diag:", validation_alias="EGRESS_DIAG_KEY_PREFIX")
    run_timeout: float = Field(60, gt=0, le=900, validation_alias="EGRESS_DIAG_RUN_TIMEOUT")
    """The time after which a run ends with what it has found."""
    lease: float = Field(15, gt=0, validation_alias="EGRESS_DIAG_LEASE")
    """The time after which a run whose lease was not renewed is taken up by another worker."""
    tick: float = Field(5, gt=0, validation_alias="EGRESS_DIAG_TICK")
    """The interval of the janitor."""
    watch_interval: float = Field(30, gt=0, validation_alias="EGRESS_DIAG_WATCH_INTERVAL")
    """The interval of a watch's checks."""
    concurrency: int = Field(4, ge=1, le=64, validation_alias="EGRESS_DIAG_CONCURRENCY")
    """Diagnoses at once in one worker process group."""

    log: Literal["", "json", "text"] = Field("", validation_alias="EGRESS_DIAG_LOG")
    """The format of log records; default: text if standard error is a terminal, else JSON."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="EGRESS_DIAG_LOG_LEVEL")
    metrics_port: int | None = Field(None, ge=0, le=65535, validation_alias="EGRESS_DIAG_METRICS_PORT")
    """The port of `GET /metrics` for worker, courier and beat; no metrics if not set."""
    shared_metrics: Path | None = Field(None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    """The folder in which the children of a pool share their counts.

    `egress-diag worker` makes one.
    """
    traces_endpoint: str = Field("", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """The OTLP endpoint for traces; no traces if not set."""
    heartbeat: Path | None = Field(None, validation_alias="EGRESS_DIAG_HEARTBEAT")
    """The file that `workers.queue.liveness` touches while this process works."""

    @model_validator(mode="after")
    def _complete_address(self) -> Self:
        if password := self.redis_password.get_secret_value():
            self.redis_url = _with_password(self.redis_url, password)
        self.redis_url = _verified(self.redis_url)
        return self

    @property
    def hard_limit(self) -> int:
        """Seconds after which the pool kills a task: far above the run's own deadline."""
        return int(self.run_timeout + 60)


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    place = f"{parts.username or ''}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return parts._replace(netloc=place).geturl()


def _verified(url: str) -> str:
    """Require a valid certificate for a `rediss://` URL.

    Without the parameter, Celery's transport accepts any certificate.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs=" in parts.query:
        return url
    return parts._replace(query="&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))).geturl()


@cache
def worker_settings() -> WorkerSettings:
    """The settings of this process, read once."""
    return WorkerSettings()
