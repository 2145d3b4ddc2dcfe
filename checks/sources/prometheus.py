"""The HTTP API of a Prometheus: one query, its answer, and a failure for anything else.

Source: prometheus.io, "HTTP API"; Azure's managed Prometheus serves the same API with Entra tokens.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from time import sleep
from typing import Any
from urllib.parse import urlencode

import orjson

from checks.model.raw_values import Raw, items, text
from checks.sources.counter_series import LARGEST_COUNT
from checks.sources.expected_answers import WRONG_ANSWER
from checks.sources.replies import Failure, body_pieces, seconds_left, unanswered

_CONNECT_SECONDS = 4.0
_READ_SECONDS = 15.0
LARGEST_ANSWER = 32 * 1024 * 1024
MOST_MATRIX_SERIES = 20_000
_LAST_MOMENT = 4_102_444_800
"""The beginning of 2100."""
_ROUNDED = 0.002
"""Seconds by which the times of samples differ from the query: the API has milliseconds."""
_TRIES = 3
_LONGEST_PAUSE = 5.0


class Prometheus:
    """One Prometheus. Safe to use from several threads; connections are kept.

    `token` returns the bearer token, "" for none; it raises Failure.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        from urllib3 import PoolManager, Retry  # a bundle needs no HTTP client

        self.url = url.rstrip("/")
        self._token = token
        # A redirect would send the token to another server.
        self._pool = PoolManager(maxsize=4, retries=Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0))

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def vector(self, query: str, deadline: float) -> list[Raw]:
        """The series of an instant query. Raises Failure."""
        return _series(self._asked("query", {"query": query}, deadline), "vector")

    def scalar(self, query: str, deadline: float) -> float:
        """The value of an instant query without series. Raises Failure."""
        data = self._asked("query", {"query": query}, deadline)
        found = data.get("result")
        if text(data, "resultType") != "scalar" or not isinstance(found, list) or len(found) != 2:
            raise _wrong_shape()
        return count(found[1])

    def clock(self, deadline: float) -> float:
        """The time of the Prometheus, in seconds since 1970. Raises Failure."""
        return sample_moment(self.scalar("time()", deadline))

    def matrix(
        self, query: str, begin: float, end: float, step: int, deadline: float, most: int = MOST_MATRIX_SERIES
    ) -> list[Raw]:
        """The series of a range query: `metric`, and `values` as pairs of numbers.

        Times are in seconds since 1970. Raises Failure, also for more than `most` series.
        """
        asked = {"query": query, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": str(step)}
        found = _series(self._asked("query_range", asked, deadline), "matrix", most)
        return _on_the_grid(found, begin, end, step)

    def _asked(self, path: str, form: Mapping[str, str], deadline: float) -> Raw:
        for attempt in range(1, _TRIES + 1):
            try:
                return self._request(path, form, deadline)
            except Failure as failure:
                pause = failure.retry_after if failure.status in (429, 503) else None
                if pause is None or attempt == _TRIES or pause >= min(_LONGEST_PAUSE, seconds_left(deadline)):
                    raise
            sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _request(self, path: str, form: Mapping[str, str], deadline: float) -> Raw:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        left = seconds_left(deadline)
        try:
            response = self._pool.request(
                "POST",
                f"{self.url}/api/v1/{path}",
                body=urlencode({**form, "timeout": f"{max(1, int(left))}s"}),
                headers=headers,
                timeout=Timeout(connect=min(_CONNECT_SECONDS, left / 2), read=min(_READ_SECONDS, left)),
                redirect=False,
                preload_content=False,
            )
            with closing(response):
                body = _body(response, deadline)
        except (HTTPError, OSError) as error:
            raise unanswered(error, "Prometheus") from None
        return _data(response.status, body, response.headers.get("Retry-After"))


def _body(response: Any, deadline: float) -> bytes:
    found = bytearray()
    for piece in body_pieces(response, deadline):
        found += piece
        if len(found) > LARGEST_ANSWER:
            raise Failure(WRONG_ANSWER, f"the answer of Prometheus has more than {LARGEST_ANSWER // 1024 // 1024} MiB")
    return bytes(found)


def _data(status: int, body: bytes, retry_after: str | None) -> Raw:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    answered = text(found, "status")
    if not 200 <= status <= 299:
        reason = text(found, "error") or text(found, "message") or text(found, "error", "message")
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
        raise Failure(status, reason or _meaning(status), seconds)
    data = found.get("data") if isinstance(found, dict) else None
    if answered == "error":
        raise Failure(WRONG_ANSWER, f"Prometheus cannot answer the query: {text(found, 'error')}")
    if answered != "success" or not isinstance(data, dict):
        raise _wrong_shape()
    if warnings := found.get("warnings"):
        # A store behind the Prometheus did not answer: what it holds is missing.
        shown = warnings[0] if isinstance(warnings, list) else warnings
        raise Failure(WRONG_ANSWER, f"the answer of Prometheus may be incomplete: {shown}")
    return data


def _meaning(status: int) -> str:
    if status in (401, 403):
        return "Prometheus refuses the credentials"
    if 300 <= status <= 399:
        return "redirected; the URL must be that of the API itself"
    return "" if status == 429 else "no answer of a Prometheus"


def _series(data: Raw, kind: str, most: int = MOST_MATRIX_SERIES) -> list[Raw]:
    found = data.get("result")
    if text(data, "resultType") != kind or not isinstance(found, list):
        raise _wrong_shape()
    if len(found) > most:
        raise Failure(WRONG_ANSWER, f"Prometheus returned more than {most:,} series")
    series = list(items(data, "result"))
    key = "values" if kind == "matrix" else "value"
    if len(series) != len(found) or not all(
        isinstance(each.get("metric"), dict) and isinstance(each.get(key), list) for each in series
    ):
        raise _wrong_shape()
    return series


def _on_the_grid(series: list[Raw], begin: float, end: float, step: int) -> list[Raw]:
    """The series with samples at the distance of the query.

    Raises Failure for other times, and for more than the query has.

    These are `begin`, and every `step` seconds after it; a front end such as Thanos may move them to multiples of the step.
    Each other time would be a sample of its own of every pod.
    """
    first = next((each["values"][0] for each in series if each["values"]), None)
    phase = pair(first)[0] if first is not None else begin
    most = (end - begin) / step + 2
    for number, each in enumerate(series):
        if len(each["values"]) > most:
            raise _wrong_times()
        values = []
        for sample in each["values"]:
            at, value = pair(sample)
            steps = round((at - phase) / step)
            if not begin - step <= at <= end + step or abs(at - phase - steps * step) > _ROUNDED:
                raise _wrong_times()
            values.append((phase + steps * step, value))
        series[number] = {"metric": each["metric"], "values": values}
    return series


def _wrong_times() -> Failure:
    return Failure(WRONG_ANSWER, "Prometheus returned samples at other times than those of the query")


def pair(found: object) -> tuple[float, float]:
    """(time, value) of a sample. Raises Failure (502)."""
    if not isinstance(found, list) or len(found) != 2 or isinstance(found[0], bool):
        raise _wrong_shape()
    if not isinstance(found[0], int | float):
        raise _wrong_shape()
    return sample_moment(found[0]), count(found[1])


def sample_moment(found: float) -> float:
    """A time in seconds since 1970. Raises Failure (502) if it is not one of this century."""
    if not 0 < found < _LAST_MOMENT:
        raise Failure(WRONG_ANSWER, f"Prometheus returned a time that is none: {found:.15g}")
    return float(found)


def count(found: object) -> float:
    """A value, which the API writes as text. Raises Failure (502) for NaN as well."""
    try:
        value = float(found) if isinstance(found, str) else float("nan")
    except ValueError:
        value = float("nan")
    if not 0 <= value <= LARGEST_COUNT:
        raise Failure(WRONG_ANSWER, f"Prometheus returned a value that is not a count: {found}")
    return value


def _wrong_shape() -> Failure:
    return Failure(WRONG_ANSWER, "the answer does not have the form of a Prometheus's API")
