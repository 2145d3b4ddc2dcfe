"""The settings of the active steps: the section `probe` of the configuration.

The steps are off without it.

Source: docs/contract.md#configuration.
"""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]{0,250}")


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
    canary: Literal["off"] = "off"

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
    def _only_off(cls, canary: object) -> object:
        if canary in (False, "off"):  # YAML reads `off` as a boolean
            return "off"
        raise ValueError("scheduled probes are not available yet: expected off")
