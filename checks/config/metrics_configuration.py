"""The source of a cluster's traffic counters (docs/contract.md#metrics)."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

_AZURE = "prometheus.monitor.azure."
"""Query endpoints of Azure Monitor end in it and the domain of the cloud."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenFile(_Strict):
    """A bearer token in a file, which is read again for each request."""

    token_file: Path


class PrometheusMetrics(_Strict):
    """The HTTP API of a Prometheus, and how to authenticate."""

    prometheus: str
    auth: Literal["none", "entra"] | TokenFile = "none"

    @field_validator("prometheus")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected a URL such as https://prometheus.example or http://prometheus.monitoring:9090")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("expected a URL without user, password and parameters; credentials belong in auth")
        return url

    @model_validator(mode="after")
    def _keeps_its_token(self) -> "PrometheusMetrics":
        parts = urlsplit(self.prometheus)
        if self.auth != "none" and parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise ValueError("expected https:// with auth: a token is not sent over plain HTTP")
        return self

    @property
    def scope(self) -> str:
        """The scope of its Entra token: that of Azure Monitor in the cloud of the URL."""
        host = (urlsplit(self.prometheus).hostname or "").lower()
        _, found, cloud = host.partition(_AZURE)
        return f"https://{_AZURE}{cloud if found else 'com'}/.default"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
