"""A stand-in for the HTTP API of a Prometheus on loopback."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import Any, Self
from urllib.parse import parse_qs

from tests.loopback.server import LoopbackHandler, LoopbackServer

Series = dict[str, Any]


class PrometheusServer:
    """Answers range queries with `series`, and `time()` with its own clock.

    `skew`: the seconds by which its clock is ahead. `answer`: (status, headers, body) for every query instead. `age`: the
    seconds since its last scrape, which it does not know without `ages`. `require`: the bearer token without which it
    answers 401. `hours`: the answer to queries for the last hours, `hours_hang` the seconds after which they are answered,
    and with `hours_drip` they are answered by a byte every half second.
    """

    def __init__(
        self,
        series: list[Series] | None = None,
        *,
        skew: float = 0.0,
        answer: tuple[int, dict[str, str], bytes] | None = None,
        age: float = 10.0,
        require: str = "",
        hang: float = 0.0,
        hours: tuple[int, dict[str, str], bytes] | None = None,
        hours_hang: float = 0.0,
        hours_drip: bool = False,
        ages: bool = True,
    ) -> None:
        self.series = series or []
        self.skew, self.answer, self.age, self.require, self.hang = skew, answer, age, require, hang
        self.ages = ages
        self.hours, self.hours_hang, self.hours_drip = hours, hours_hang, hours_drip
        self.queries: list[str] = []
        self.ranges: list[tuple[float, int]] = []
        self.tokens: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def result(self, form: dict[str, str]) -> Any:
        """The `data` of an answer."""
        query = form["query"]
        now = time.time() + self.skew
        if query == "time()":
            return {"resultType": "scalar", "result": [now, str(now)]}
        if query.startswith("max by"):
            scraped = {json.dumps(_scrape(each["metric"])) for each in self.series if self.ages}
            found = [{"metric": json.loads(each), "value": [now, str(now - self.age)]} for each in sorted(scraped)]
            return {"resultType": "vector", "result": found}
        names = query.partition('__name__=~"')[2].partition('"')[0].split("|")
        end, step = float(form["end"]), int(form["step"])
        found = []
        for each in self.series:
            if each["metric"]["__name__"] in names:
                values = each["values"]
                times = [end - step * (len(values) - 1 - index) for index in range(len(values))]
                pairs = [[at, str(v)] for at, v in zip(times, values, strict=True) if v is not None]
                found.append({"metric": each["metric"], "values": pairs})
        return {"resultType": "matrix", "result": found}


def _scrape(metric: dict[str, str]) -> dict[str, str]:
    return {key: metric[key] for key in ("cluster", "job", "instance", "pod", "exported_pod") if key in metric}


class _Server(LoopbackServer):
    owner: PrometheusServer


class _Handler(LoopbackHandler):
    server: _Server

    def do_POST(self) -> None:  # noqa: N802 (the name of the base class)
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        owner.queries.append(form.get("query", ""))
        owner.tokens.append(self.headers.get("Authorization", ""))
        hours = float(form.get("end", 0)) - float(form.get("start", 0)) > 3600
        if "start" in form:
            owner.ranges.append((round(float(form["end"]) - float(form["start"])), int(form["step"])))
        time.sleep(owner.hours_hang if hours else owner.hang)
        if owner.require and self.headers.get("Authorization") != f"Bearer {owner.require}":
            self._send(401, {}, b"")
        elif hours and owner.hours_drip:
            self._drip()
        elif hours and owner.hours is not None:
            self._send(*owner.hours)
        elif owner.answer is not None:
            self._send(*owner.answer)
        else:
            data = owner.result(form)
            self._send(200, {}, json.dumps({"status": "success", "data": data}).encode())

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with suppress(OSError):  # the client has gone
            for _ in range(40):
                self.wfile.write(b" ")
                time.sleep(0.5)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
