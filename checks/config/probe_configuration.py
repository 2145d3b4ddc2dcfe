"""The settings of the active steps: the section `probe` of the configuration.

The steps are off without it.

Source: docs/contract.md#configuration.
"""

import re
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from checks.config.duration import Duration

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]{0,250}")

CANARY_USER = "canary"
"""The user of scheduled probes in access rules and in the audit."""

SHORTEST_CANARY = timedelta(minutes=5)


class ProbeConfig(BaseModel):
    """The echo services, the image, the namespaces and the number of people that confirm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: tuple[str, ...] = Field(("https://ifconfig.me/ip",), min_length=1, max_length=3)
    """Services that return the source IP address as plain text.

    A second one shows whether the first one is down.
    """
    image: str = "docker.io/curlimages/curl:8.11.1"
    """An image with curl 7.75 or later."""
    namespaces: tuple[str, ...] = ()
    """The namespaces in which active steps are enabled."""
    approvals: int = Field(1, ge=1, le=2)
    """2: another person must approve a step in Slack before it is carried out."""
    canary: Duration = timedelta(0)
    """The interval of scheduled probes from a pod outside the mesh; 0 is `off`."""

    @field_validator("urls")
    @classmethod
    def _web_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
                raise ValueError(f"{url!a}: expected a URL such as https://ifconfig.me/ip")
            if parts.username or parts.password:
                raise ValueError("a URL with a password: expected one without credentials, because plans show it")
        if len(set(urls)) < len(urls):
            raise ValueError("a URL occurs twice: expected different services")
        return urls

    @field_validator("image")
    @classmethod
    def _image_name(cls, image: str) -> str:
        if not _IMAGE.fullmatch(image):
            raise ValueError(f"{image!a}: expected an image such as docker.io/curlimages/curl:8.11.1")
        return image

    @field_validator("namespaces")
    @classmethod
    def _namespace_names(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        for each in namespaces:
            if not _NAMESPACE.fullmatch(each):
                raise ValueError(f"{each!a}: expected the name of a namespace, without wildcards")
        return namespaces

    @field_validator("canary", mode="before")
    @classmethod
    def _off(cls, canary: object) -> object:
        # YAML reads `off` as a boolean.
        return timedelta(0) if canary is False or canary == "off" else canary

    @field_validator("canary")
    @classmethod
    def _not_too_often(cls, canary: timedelta) -> timedelta:
        if timedelta(0) < canary < SHORTEST_CANARY:
            raise ValueError("expected off, or an interval of at least 5m")
        return canary

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.canary and not self.namespaces:
            raise ValueError(
                "canary: expected namespaces, too: scheduled probes run only in the namespaces that are listed"
            )
        return self
