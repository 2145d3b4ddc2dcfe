"""The settings of the active steps: the section `probe` of the configuration.

The steps are off without it.

Source: docs/contract.md#configuration.
"""

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from checks.config.duration import Duration

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?"
_IMAGE = re.compile(
    rf"(?P<name>(?:{_REGISTRY}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""A reference of the OCI distribution specification: registry, repository, tag and digest."""
_LONGEST_IMAGE_NAME = 255
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\"'<>\\^`{|}]|[^\x00-\x7f]")
"""Characters that RFC 3986 does not permit in a URL; `{a,b}` is a pattern of curl."""

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
            if (problem := _url_problem(url)) is not None:
                raise ValueError(f"{url!a}: {problem}; expected a URL such as https://ifconfig.me/ip")
            parts = urlsplit(url)
            if parts.username is not None or parts.password is not None:
                raise ValueError("a URL with a password: expected one without credentials, because plans show it")
        if len(set(urls)) < len(urls):
            raise ValueError("a URL occurs twice: expected different services")
        return urls

    @field_validator("image")
    @classmethod
    def _image_name(cls, image: str) -> str:
        found = _IMAGE.fullmatch(image)
        if found is None or len(found["name"]) > _LONGEST_IMAGE_NAME:
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


def _url_problem(url: str) -> str | None:
    """The problem of the URL of an echo service, None if curl can request it."""
    if _FORBIDDEN.search(url):
        return "it contains a character that URLs may not contain"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as wrong:  # a port above 65535, or brackets around something else than an IPv6 address
        return str(wrong)
    if parts.scheme not in ("http", "https"):
        return "it is not http or https"
    if port == 0 or parts.netloc.endswith(":"):
        return "its port is not a number from 1 to 65535"
    if not (_is_ipv6(host) if "[" in parts.netloc else _HOST.fullmatch(host)):
        return "its host is no name or IP address"
    if "[" in parts.path or "]" in parts.path:
        return "it contains [ or ] outside of an IPv6 address"
    return None


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False
