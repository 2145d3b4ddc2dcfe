"""What the gateway's access log last said about a destination (Envoy's response flags, domain.md 5.6)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.facts.logs import ProxyLog

FLAGS = {
    "UH": "no healthy upstream: the name gave no address",
    "UF": "the connection to the destination failed",
    "UC": "the destination ended the connection",
    "URX": "all retries failed",
    "UT": "the destination did not answer in time",
    "UO": "too many requests at once",
    "LR": "the connection was reset",
}
"""Flags that tell about the destination or the way to it; others (NR, NC) tell about configuration, which is traced."""

_FLAG = re.compile(r'" (?P<code>\d{1,3}) (?P<flags>[A-Z][A-Z,]*|-) ')


@dataclass(frozen=True, slots=True)
class AccessLine:
    """The newest line about a destination: where it stands, its status code, its flag ("" where all was well), its time."""

    log: str
    code: str
    flag: str
    at: datetime | None

    @property
    def said(self) -> str:
        """The line in short: `503 UH at 2026-11-23 09:57:48Z`."""
        when = f" at {self.at:%Y-%m-%d %H:%M:%S}Z" if self.at is not None else ""
        return f"{'TLS' if self.code == '0' else self.code}{f' {self.flag}' if self.flag else ''}{when}"

    @property
    def meaning(self) -> str:
        return FLAGS.get(self.flag, "")


def newest_flag(logs: Iterable[ProxyLog], host: str, port: int) -> AccessLine | None:
    """The newest access log line for this destination over all pods; None where there is none."""
    cluster = f"outbound|{port}|"
    newest: tuple[str, AccessLine] | None = None
    for log in sorted(logs, key=lambda each: each.ref):
        for line in log.containing(f"|{host}"):
            if cluster not in line.text:
                continue
            found = _FLAG.search(line.text)
            flags = found["flags"].split(",") if found and found["flags"] != "-" else []
            flag = next((each for each in flags if each in FLAGS), "")
            at = line.at.isoformat() if line.at is not None else ""
            if newest is None or at > newest[0]:
                newest = (at, AccessLine(log.ref, found["code"] if found else "0", flag, line.at))
            break
    return newest[1] if newest is not None else None
