"""The requests of a probe: one curl command, and its output.

A destination may answer with anything. Each answer is therefore followed by a line that starts with the plan's ID, which a
destination does not know.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

REQUEST_SECONDS = 10
"""The time limit of one request."""

MAX_ANSWER = 4096
"""Bytes of an answer that curl accepts; an IP address has at most 45."""

_DNS = (5, 6)
_CONNECTION = (7, 28, 52, 55, 56)
_TLS = (35, 51, 53, 54, 58, 59, 60, 77, 80, 82, 83, 90, 91)
_TOO_LARGE = 63


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """The outcome of one request, as curl reports it.

    `exit_code` is curl's; `status` is the HTTP status, 0 without an answer.
    """

    url: str
    exit_code: int
    status: int
    seconds: float
    body: str
    error: str

    @property
    def address(self) -> str:
        """The IP address in the answer; "" if the answer is anything else."""
        if self.exit_code or not 200 <= self.status <= 299:
            return ""
        try:
            return str(ip_address(self.body.strip()))
        except ValueError:
            return ""

    @property
    def is_dns_failure(self) -> bool:
        return self.exit_code in _DNS

    @property
    def is_connection_failure(self) -> bool:
        return self.exit_code in _CONNECTION

    @property
    def is_tls_failure(self) -> bool:
        return self.exit_code in _TLS

    @property
    def is_too_large(self) -> bool:
        return self.exit_code == _TOO_LARGE

    @property
    def is_page(self) -> bool:
        """Whether the answer is an HTML page."""
        return bool(re.match(r"\s*(<!doctype html|<html|<\?xml)", self.body, re.IGNORECASE))


def curl_command(plan_id: str, urls: Sequence[str]) -> tuple[str, ...]:
    """A command that requests each URL once, without a shell."""
    words: list[str] = ["curl", "-q"]
    for number, url in enumerate(urls):
        words += ["--next"] if number else []
        marker = f"\\n{plan_id} %{{exitcode}} %{{http_code}} %{{time_total}} %{{errormsg}}\\n"
        words += ["--silent", "--max-time", str(REQUEST_SECONDS), "--max-filesize", str(MAX_ANSWER)]
        words += ["--write-out", marker, "--url", url]
    return tuple(words)


def echo_answers(log: str, plan_id: str, urls: Sequence[str]) -> tuple[EchoAnswer, ...]:
    """The answers in the log of a probe, in the order of the URLs.

    () if curl did not write the log.
    """
    marker = re.compile(
        rf"^{re.escape(plan_id)} (?P<code>\d{{1,3}}) (?P<status>\d{{3}}) (?P<seconds>\d{{1,4}}(?:\.\d+)?)(?: (?P<error>.*))?$",
        re.MULTILINE,
    )
    found: list[EchoAnswer] = []
    start = 0
    for url, line in zip(urls, marker.finditer(log), strict=False):
        body = log[start : line.start()].strip("\r\n")
        error = (line["error"] or "").strip()
        found.append(EchoAnswer(url, int(line["code"]), int(line["status"]), float(line["seconds"]), body, error))
        start = line.end()
    return tuple(found)
