"""The only place in `workers` that reads the environment."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from checks.config.environment import (
    EnvironmentSettings,
    ExistingFolder,
    FileInAFolder,
    Number,
    OneLineSecret,
    RedisAddress,
    WebAddress,
)
from checks.config.settings import CONFIG_FILE
from workers.queue.entra_login import PROVIDER


class WorkerSettings(EnvironmentSettings):
    """`REDIS_URL`, `REDIS_PASSWORD`, `EGRESS_DIAG_CONFIG`, and the limits of a run in seconds.

    Raises BadSetting.
    """

    redis_url: RedisAddress = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        description="redis://HOST:PORT/DATABASE, or rediss:// for TLS; after ? only ssl_cert_reqs, ssl_check_hostname, "
        "and the existing files ssl_ca_certs, ssl_certfile and ssl_keyfile",
    )
    redis_password: OneLineSecret = Field(
        SecretStr(""),
        validation_alias="REDIS_PASSWORD",
        description="a password in one line (does the Secret end with a line break?)",
    )
    """Inserted into the URL, quoted.

    A password from a Secret may contain characters that a URL does not allow.
    """
    redis_auth: Literal["password", "entra"] = Field(
        "password",
        validation_alias="REDIS_AUTH",
        description="password, or entra with a rediss:// address and the extra redis-entra",
    )
    """`entra`: sign in with the Entra identity that azure-identity finds."""
    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG", description=CONFIG_FILE)
    prefix: str = Field(
        "egress-diag:",
        pattern=r"^[\w./:@+{}-]{1,100}$",
        validation_alias="EGRESS_DIAG_KEY_PREFIX",
        description="1 to 100 letters, digits or characters of ./:@+-_{}",
    )
    """Keys whose prefix has a part in braces are in one hash slot."""
    run_timeout: Number = Field(
        60, gt=0, le=900, validation_alias="EGRESS_DIAG_RUN_TIMEOUT", description="seconds above 0, at most 900"
    )
    """The time after which a run ends with what it has found."""
    lease: Number = Field(15, ge=1, le=600, validation_alias="EGRESS_DIAG_LEASE", description="seconds from 1 to 600")
    """The time after which a run whose lease was not renewed is taken up by another worker."""
    tick: Number = Field(5, ge=0.1, le=30, validation_alias="EGRESS_DIAG_TICK", description="seconds from 0.1 to 30")
    """The interval of the janitor; the liveness probe expects a round each minute."""
    watch_interval: Number = Field(
        30, gt=0, le=3600, validation_alias="EGRESS_DIAG_WATCH_INTERVAL", description="seconds above 0, at most 3600"
    )
    """The interval of a watch's checks."""
    concurrency: int = Field(
        4, ge=1, le=64, validation_alias="EGRESS_DIAG_CONCURRENCY", description="a whole number from 1 to 64"
    )
    """Diagnoses at once in one worker process group."""

    log: Literal["", "json", "text"] = Field("", validation_alias="EGRESS_DIAG_LOG", description="json or text")
    """The format of log records; default: text if standard error is a terminal, else JSON."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="EGRESS_DIAG_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, validation_alias="EGRESS_DIAG_METRICS_PORT", description="a port from 0 to 65535"
    )
    """The port of `GET /metrics` for worker, courier and beat; no metrics if not set."""
    shared_metrics: ExistingFolder | None = Field(
        None, validation_alias="PROMETHEUS_MULTIPROC_DIR", description="the path of an existing folder"
    )
    """The folder in which the children of a pool share their counts.

    `egress-diag worker` makes one.
    """
    traces_endpoint: WebAddress | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="an address that begins with http:// or https://",
    )
    """The OTLP endpoint for traces; no traces if not set."""
    heartbeat: FileInAFolder | None = Field(
        None, validation_alias="EGRESS_DIAG_HEARTBEAT", description="the path of a writable file in an existing folder"
    )
    """The file that `workers.queue.liveness` touches while this process works."""

    _names_redis: bool = PrivateAttr(default=False)

    @property
    def names_redis(self) -> bool:
        """Whether `REDIS_URL` is set, and not the default used."""
        return self._names_redis

    @field_validator("redis_auth")
    @classmethod
    def _usable_login(cls, login: str, given: ValidationInfo) -> str:
        """Refuse an Entra login without TLS, or without its library."""
        encrypted = str(given.data.get("redis_url", "")).startswith("rediss:")
        if login == "entra" and not (encrypted and find_spec("redis_entraid")):
            raise ValueError
        return login

    @model_validator(mode="after")
    def _complete_address(self) -> Self:
        self._names_redis = "redis_url" in self.model_fields_set
        if self.redis_auth == "entra":
            self.redis_url = _with_entra_login(self.redis_url)
        elif password := self.redis_password.get_secret_value():
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


def _with_entra_login(url: str) -> str:
    """The address without user and password, and with the parameter that names the login."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, f"credential_provider={PROVIDER}")))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query).geturl()


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
