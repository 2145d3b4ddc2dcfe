"""The requests of a probe: one curl command, and its output.

A destination may answer with anything. Each answer is therefore followed by a line that starts with the plan's ID, which a
destination does not know.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from checks.knowledge.curl_exit_codes import CurlFailure, curl_failure

REQUEST_SECONDS = 10
"""The time limit of one request."""

MAX_ANSWER = 4096
"""Bytes of an answer that curl accepts; an IP address has at most 45."""


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """The outcome of one request, as curl reports it.

    `exit_code` is curl's; `status` is the HTTP status, 0 without an answer. `resolved` and `connected` are the seconds
    after which the name was resolved and the connection was made, 0 if it was not; None if curl did not report them.
    """

    url: str
    exit_code: int
    status: int
    seconds: float
    body: str
    error: str
    resolved: float | None = None
    connected: float | None = None

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
    def failure(self) -> CurlFailure | None:
        """The part of the request that failed, None if curl got an answer.

        A time limit is attributed to the step at which the request was: curl reports the same code for each.
        """
        if not self.exit_code:
            return None
        found = curl_failure(self.exit_code)
        if found is not CurlFailure.TIME_OUT:
            return found
        if self.connected:
            return CurlFailure.NO_ANSWER
        return CurlFailure.DNS if self.resolved == 0 else CurlFailure.TIME_OUT

    @property
    def is_page(self) -> bool:
        """Whether the answer is an HTML page."""
        return bool(re.match(r"\s*(<!doctype html|<html|<\?xml)", self.body, re.IGNORECASE))


def curl_command(plan_id: str, urls: Sequence[str]) -> tuple[str, ...]:
    """A command that requests each URL once, without a shell.

    Proxies of the environment are not used, because Envoy does not use them: AKS adds them to each pod of a cluster with an
    HTTP proxy. Braces and brackets in a URL are no patterns.
    """
    words: list[str] = ["curl", "-q"]
    fields = ("exitcode", "http_code", "time_total", "time_namelookup", "time_connect", "errormsg")
    marker = f"\\n{plan_id} {' '.join(f'%{{{each}}}' for each in fields)}\\n"
    for number, url in enumerate(urls):
        words += ["--next"] if number else []
        words += ["--silent", "--globoff", "--noproxy", "*", "--max-time", str(REQUEST_SECONDS)]
        words += ["--max-filesize", str(MAX_ANSWER), "--write-out", marker, "--url", url]
    return tuple(words)


def echo_answers(log: str, plan_id: str, urls: Sequence[str]) -> tuple[EchoAnswer, ...]:
    """The answers in the log of a probe, in the order of the URLs.

    () if curl did not write the log.
    """
    marker = re.compile(
        rf"^{re.escape(plan_id)} (?P<code>\d{{1,3}}) (?P<status>\d{{3}}) (?P<seconds>\d{{1,4}}(?:\.\d+)?)"
        r"(?: (?P<resolved>\d{1,4}\.\d+) (?P<connected>\d{1,4}\.\d+))?(?: (?P<error>.*))?$",
        re.MULTILINE,
    )
    found: list[EchoAnswer] = []
    start = 0
    for url, line in zip(urls, marker.finditer(log), strict=False):
        body = log[start : line.start()].strip("\r\n")
        error = (line["error"] or "").strip()
        found.append(
            EchoAnswer(
                url,
                int(line["code"]),
                int(line["status"]),
                float(line["seconds"]),
                body,
                error,
                None if line["resolved"] is None else float(line["resolved"]),
                None if line["connected"] is None else float(line["connected"]),
            )
        )
        start = line.end()
    return tuple(found)
