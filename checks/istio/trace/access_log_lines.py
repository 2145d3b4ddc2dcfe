"""The newest line about a destination in the gateway's access logs.

Source: docs/domain/istio.md#log-lines; Envoy, "Response flags"."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.facts.view import Facts
from checks.istio.trace.source_address import SourceAddress
from checks.model.route import Decision, Hop, HopName, Mark, Outcome

_FLAGS = {
    "UH": "no healthy upstream: the name gave no address",
    "UF": "the connection to the destination failed",
    "UC": "the destination ended the connection",
    "URX": "all retries failed",
    "UT": "the destination did not answer in time",
    "UO": "too many requests at once",
    "LR": "the connection was reset",
}
"""Flags about the destination, with their meaning.

Other flags (NR, NC) are about configuration, which the route shows.
"""
_FLAG = re.compile(r'" (?P<code>\d{1,3}) (?P<flags>[A-Z][A-Z,]*|-) ')
NO_ANSWER = "no-answer"
"""The cause of a route that ends here, in JSON."""
_FRESH = timedelta(hours=1)
"""The age up to which a line describes the present."""


@dataclass(frozen=True, slots=True)
class NewestAccess:
    """The newest line about a destination.

    `log` is "" if there is no line, and `flag` is "" if the request succeeded.
    """

    host: str
    port: int
    log: str = ""
    code: str = ""
    flag: str = ""
    at: datetime | None = None
    fresh: bool = False

    @property
    def outcome(self) -> Outcome:
        """The outcome of a request that is routed through the gateway.

        It fails if the newest request had no address.
        """
        return Outcome.FAILS if self._no_address else Outcome.THROUGH

    @property
    def _no_address(self) -> bool:
        return self.fresh and self.flag == "UH"

    def hop(self, address: SourceAddress | None) -> Hop:
        """The destination as a hop; `address` is the source address of its requests."""
        when = f" at {self.at:%Y-%m-%d %H:%M:%S}Z" if self.at is not None else ""
        line = f"{'TLS' if self.code == '0' else self.code}{f' {self.flag}' if self.flag else ''}{when}"
        shown = (Decision(self.log, "newest log line", line),) if self.log else ()
        if self._no_address:
            message = f"the gateway has no address for {self.host}: the newest request in its access log got 503 (UH)"
            return Hop(HopName.DESTINATION, Mark.BREAKS, message, shown, cause=NO_ANSWER)
        if address is None:
            message = f"{self.host}:{self.port} sees a source address that is not readable"
            return Hop(HopName.DESTINATION, Mark.UNKNOWN, message, shown)
        doubts = (f"its newest request there ended with {self.flag}: {_FLAGS[self.flag]}",) if self.flag else ()
        mark = Mark.DOUBTS if doubts else Mark.PASSES
        return Hop(HopName.DESTINATION, mark, f"{self.host}:{self.port} sees {address.seen}", shown, doubts=doubts)


def newest_access(facts: Facts, host: str, port: int) -> NewestAccess:
    """The newest line about a cluster's host and port over all pods. Reads ProxyLog."""
    newest, found = "", NewestAccess(host, port)
    for log in sorted(facts.proxy_logs(), key=lambda each: each.ref):
        line = next((each for each in log.containing(f"|{host}") if f"outbound|{port}|" in each.text), None)
        if line is None:
            continue
        match = _FLAG.search(line.text)
        flags = match["flags"].split(",") if match and match["flags"] != "-" else []
        flag = next((each for each in flags if each in _FLAGS), "")
        at = line.at.isoformat() if line.at is not None else ""
        if not found.log or at > newest:
            fresh = line.at is not None and facts.now - line.at < _FRESH
            newest = at
            found = NewestAccess(host, port, log.ref, match["code"] if match else "0", flag, line.at, fresh)
    return found
