"""The increase of counters: restarts, new counters, missed samples."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from checks.facts.proxy_traffic import ProxyTraffic

METRIC = "istio_requests_total"


def proxy(*values: list[Any], times: list[str] | None = None, uptime: list[Any] | None = None) -> ProxyTraffic:
    """A pod with a counter for each list, sampled every minute.

    A fresh `istio_build` shows that it was sampled.
    """
    moments = times or [f"2026-11-23T09:{45 + number:02}:00Z" for number in range(len(values[0]))]
    series: list[dict[str, Any]] = [
        {"metric": METRIC, "labels": {"response_code": str(200 + n)}, "values": v} for n, v in enumerate(values)
    ]
    series.append({"metric": "istio_build", "labels": {}, "values": [1] * len(moments)})
    if uptime is not None:
        series.append({"metric": "envoy_server_uptime", "labels": {}, "values": uptime})
    return ProxyTraffic({"role": "gateway", "namespace": "a", "pod": "b", "times": moments, "series": series})


def grown(found: ProxyTraffic, minutes: int = 15) -> dict[str, float]:
    window = found.window(timedelta(minutes=minutes))
    assert window is not None
    return {each.labels["response_code"]: each.amount for each in window.increases}


def test_only_the_samples_of_the_window_count() -> None:
    assert grown(proxy([0, 100, 100, 100, 100, 100, 104, 110]), minutes=5) == {"200": 10}
    assert grown(proxy([0, 100, 100, 100, 100, 100, 104, 110])) == {"200": 110}


def test_a_counter_that_appears_began_at_zero() -> None:
    assert grown(proxy([5, 6, 7], [None, None, 4])) == {"200": 2, "201": 4}


def test_the_first_sample_of_a_counter_is_no_increase() -> None:
    assert grown(proxy([900, 900, 900])) == {}


def test_a_missed_sample_changes_nothing() -> None:
    found = proxy([10, None, 30])
    build = found.raw["series"][-1]
    build["values"] = [1, None, 1]
    assert grown(found) == {"200": 20}


def test_a_counter_that_one_sample_lacks_keeps_its_last_value() -> None:
    """A scrape was cut off: the total of many days is no traffic of these minutes."""
    assert grown(proxy([90_000, 90_010, None, 90_030])) == {"200": 30}
    assert grown(proxy([90_000, 90_010, None, 90_030, 90_040]), minutes=2) == {"200": 30}
    assert [sum(i.amount for i in each.increases) for each in proxy([90_000, None, 90_030]).steps()] == [0, 30]


def test_a_counter_that_a_restarted_proxy_creates_later_began_at_zero() -> None:
    found = proxy([900, 2, 4, 6], [700, None, None, 900])
    assert grown(found) == {"200": 4, "201": 900}


def test_each_value_of_a_busy_gateway_is_read_once() -> None:
    """3,000 hosts and 17 samples took 10 s, because each step parsed all samples again."""

    class Counted(list[Any]):
        read = 0

        def __iter__(self) -> Iterator[Any]:
            Counted.read += 1
            return super().__iter__()

    found = proxy(*(Counted(range(17)) for _ in range(20)))
    grown(found)
    grown(found, minutes=5)
    found.steps()
    assert Counted.read == 20


def test_counters_that_envoy_discards_begin_again_without_an_increase_of_their_old_value() -> None:
    assert grown(proxy([900, None, 3])) == {"200": 3}


def test_after_a_restart_only_the_samples_since_then_count() -> None:
    window = proxy([900, 950, 2, 6, 9]).window(timedelta(minutes=15))
    assert window is not None
    assert [each.amount for each in window.increases] == [7]
    assert (window.reset, window.begins.minute, window.ends.minute) == (False, 47, 49)


def test_a_restart_before_the_newest_sample_leaves_nothing() -> None:
    window = proxy([900, 950, 2]).window(timedelta(minutes=15))
    assert window is not None
    assert (window.reset, window.increases) == (True, ())


def test_a_restart_that_the_counters_hide_shows_in_the_uptime() -> None:
    window = proxy([3, 50], uptime=[86400, 20]).window()
    assert window is not None
    assert window.reset
    assert not proxy([3, 50], uptime=[86400, 86460]).window().reset  # type: ignore[union-attr]


def test_one_sample_has_no_increase() -> None:
    assert proxy([3]).window() is None
    assert ProxyTraffic({"times": [], "series": []}).window() is None


def test_an_earlier_sample_outside_the_window_is_better_than_none() -> None:
    found = proxy([3, 50], times=["2026-11-23T09:00:00Z", "2026-11-23T09:40:00Z"])
    window = found.window(timedelta(minutes=5))
    assert window is not None
    assert (window.seconds, grown(found, 5)) == (2400, {"200": 47})


def test_steps_leave_out_restarts() -> None:
    steps = proxy([10, 12, 1, 4]).steps()
    assert [(each.ends.minute, sum(i.amount for i in each.increases)) for each in steps] == [(46, 2), (48, 3)]


def test_values_of_other_types_are_missing_values() -> None:
    assert grown(proxy([1, "x", 4], [True, False, True])) == {"200": 3}
