"""Counters from a Prometheus: entries, clocks, several clusters, and wrong answers."""

import json
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.sources import prometheus as api
from checks.sources.counter_entries import counters_problem
from checks.sources.credential_files import token_of_file
from checks.sources.prometheus import Prometheus
from checks.sources.prometheus_counters import PrometheusCounters
from checks.sources.replies import Failure
from checks.sources.source import Answer, Objects
from tests.loopback.prometheus import PrometheusServer, Series

POD = "egw-asm-1-30-abc"
HOST = "egw.team-egress.svc.cluster.local"
GATEWAY = ProxyGroup(ProxyRole.GATEWAY, "team-egress", ("egw-asm-1-30",), (PodName("team-egress", POD),), HOST)
WANTED = CountersWanted((GATEWAY, ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system")))
GROWING = [1000] * 12 + [1010, 1020, 1030, 1040, 1050]


def series(values: list[Any], metric: str = "istio_requests_total", **labels: str) -> Series:
    about = {
        "__name__": metric,
        "pod": POD,
        "instance": "10.244.0.5:15020",
        "job": "istio",
        "source_workload": "egw-asm-1-30",
        "source_workload_namespace": "team-egress",
        "destination_service": "edition.cnn.com",
        "destination_service_name": "edition.cnn.com",
        "response_code": "200",
        "response_flags": "-",
        **labels,
    }
    return {"metric": {key: value for key, value in about.items() if value}, "values": values}


def asked(server: PrometheusServer, seconds: float = 10, token: str = "") -> Answer:
    reader = PrometheusCounters(Prometheus(server.url, lambda: token), ("aks1", "prod"))
    try:
        return reader.proxy_counters(WANTED, monotonic() + seconds)
    finally:
        reader.close()


def entries(answer: Answer) -> list[ProxyTraffic]:
    assert isinstance(answer, Objects), answer
    assert counters_problem(list(answer.raw)) is None
    return [ProxyTraffic(each) for each in answer.raw]


def proxies(answer: Answer) -> list[ProxyTraffic]:
    return [each for each in entries(answer) if each.role != ProxyRole.HISTORY]


def hours(answer: Answer) -> list[ProxyTraffic]:
    return [each for each in entries(answer) if each.role == ProxyRole.HISTORY]


def increases(found: ProxyTraffic) -> dict[str, float]:
    window = found.window()
    assert window is not None
    return {each.labels.get("response_flags", ""): each.amount for each in window.increases}


def test_a_federated_series_is_of_the_pod_that_counted_it() -> None:
    """The Prometheus that scrapes another one names that one's pod in its own label."""
    with PrometheusServer([series(GROWING, pod="prometheus-0", exported_pod=POD)]) as server:
        (found,) = proxies(asked(server))
    assert found.key == ("team-egress", POD)


def test_what_a_waypoint_counts_for_the_gateway_is_not_counted_again() -> None:
    with PrometheusServer([series(GROWING)]) as server:
        asked(server)
    of_gateway = [each for each in server.queries if 'source_workload=~"egw-' in each and "sum by" in each]
    assert of_gateway
    assert all('reporter!~"destination|waypoint"' in each for each in of_gateway)


def test_the_counters_of_a_pod_are_one_entry() -> None:
    failing = series([None] * 12 + [3, 3, 3, 3, 9], response_code="503", response_flags="UF,URX")
    with PrometheusServer([series(GROWING), failing]) as server:
        (found,) = proxies(asked(server))
    assert (found.key, found.role, found.workload) == (("team-egress", POD), "gateway", "egw-asm-1-30")
    assert increases(found) == {"-": 50, "UF,URX": 9}
    assert len(found.times) == 17
    assert found.scraped is not None
    assert 9 <= (found.times[-1] - found.scraped).total_seconds() <= 12
    assert 'source_workload_namespace=~"team-egress"' in server.queries[1]


def test_a_gateway_without_traffic_is_known_by_its_build() -> None:
    build = series([1] * 17, "istio_build", source_workload="", source_workload_namespace="", response_code="")
    with PrometheusServer([build]) as server:
        (found,) = proxies(asked(server))
    assert (found.key[1], found.workload, increases(found)) == (POD, "egw-asm-1-30", {})


def test_other_workloads_are_left_out() -> None:
    with PrometheusServer([series(GROWING, source_workload="curl", pod="curl-x")]) as server:
        assert proxies(asked(server)) == []


def test_a_pod_that_is_scraped_twice_counts_once() -> None:
    twice = [series(GROWING), series(GROWING[8:], instance="10.244.0.5:15090")]
    with PrometheusServer(twice) as server:
        (found,) = proxies(asked(server))
    assert increases(found) == {"-": 50}


def test_without_a_label_of_the_pod_its_address_identifies_it() -> None:
    with PrometheusServer([series(GROWING, pod="")]) as server:
        (found,) = proxies(asked(server))
    assert found.key[1] == "10.244.0.5"


@pytest.mark.parametrize(("names", "expected"), [(("aks1", "other"), 1), (("aks1",), 1), (("other",), 1)])
def test_a_label_of_the_cluster_selects_it(names: tuple[str, ...], expected: int) -> None:
    with PrometheusServer([series(GROWING, cluster=each, instance=each) for each in names]) as server:
        found = proxies(asked(server))
    assert len(found) == expected
    assert increases(found[0]) == {"-": 50}


def test_several_clusters_without_the_name_of_this_one_are_a_failed_read() -> None:
    with PrometheusServer([series(GROWING, cluster=each) for each in ("x", "y")]) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert "several clusters (x, y)" in answer.message


OTHER = "egw-asm-1-30-zzz"


def test_the_only_cluster_of_a_prometheus_can_be_another_one() -> None:
    """Its gateway of the same name failed, and this cluster was broken."""
    failing = series(GROWING, cluster="prod-west", pod=OTHER, response_code="503", response_flags="UF,URX")
    with PrometheusServer([failing]) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert answer.message == "Prometheus has only pods of the cluster prod-west that do not exist in this one"


def test_pods_without_a_label_of_the_cluster_hide_those_of_another_one() -> None:
    rejects = series([1] * 16 + [4], "pilot_total_xds_rejects", cluster="prod-west", pod="istiod-x", source_workload="")
    with PrometheusServer([series(GROWING), series(GROWING, cluster="prod-west", pod=OTHER), rejects]) as server:
        answer = asked(server)
    assert [each.key[1] for each in entries(answer)] == [POD, POD]


def test_the_name_of_the_cluster_in_one_answer_counts_for_all() -> None:
    rejects = series([1] * 16 + [4], "pilot_total_xds_rejects", cluster="prod-west", pod="istiod-x", source_workload="")
    with PrometheusServer([series(GROWING, cluster="aks1"), rejects]) as server:
        answer = asked(server)
    assert {each.role for each in entries(answer)} == {"gateway", "history"}


def test_samples_of_an_unknown_age_are_a_failed_read() -> None:
    """A Prometheus repeats a sample for 5 minutes."""
    with PrometheusServer([series(GROWING)], ages=False) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert answer.message == f"Prometheus does not say how old its samples of pod {POD} are"


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
def test_a_clock_that_differs_is_corrected(skew: float) -> None:
    with PrometheusServer([series(GROWING)], skew=skew) as server:
        (found,) = proxies(asked(server))
    with PrometheusServer([series(GROWING)]) as server:
        (right,) = proxies(asked(server))
    assert abs((found.times[-1] - right.times[-1]).total_seconds()) < 5


def test_istiods_counters_have_an_entry_of_their_own() -> None:
    rejects = series([1] * 16 + [4], "pilot_total_xds_rejects", pod="istiod-x", source_workload="", response_code="")
    with PrometheusServer([rejects]) as server:
        (found,) = proxies(asked(server))
    assert (found.role, found.key[1], list(increases(found).values())) == ("istiod", "istiod-x", [3])


def test_the_last_hours_are_read_in_longer_steps() -> None:
    denials = series([None] * 16 + [4], "envoy_http_rbac_denied", source_workload="", response_code="")
    with PrometheusServer([series(GROWING), denials]) as server:
        (found,) = hours(asked(server))
    assert server.ranges[-2:] == [(6 * 3600, 300)] * 2
    assert found.key == ("team-egress", POD)
    assert [round((after - before).total_seconds()) for before, after in pairwise(found.times)] == [300] * 16
    metrics = {each["metric"] for each in found.series}
    assert metrics == {"istio_requests_total", "envoy_http_rbac_denied"}


def test_a_cluster_without_a_gateway_has_no_last_hours() -> None:
    reader_of = CountersWanted((ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system"),))
    with PrometheusServer() as server:
        reader = PrometheusCounters(Prometheus(server.url, str), ())
        assert reader.proxy_counters(reader_of, monotonic() + 5) == Objects(())
        reader.close()
    assert {span for span, _ in server.ranges} == {16 * 60}


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (422, b'{"status":"error","errorType":"execution","error":"too many samples"}', "Prometheus: too many samples"),
        (200, b'{"status":"success","data":{}}', "Prometheus: the answer does not have the form of a Prometheus's API"),
        (
            200,
            json.dumps(
                {
                    "status": "success",
                    "data": {"resultType": "matrix", "result": [{"metric": {}, "values": []}] * 2_001},
                }
            ).encode(),
            "Prometheus: Prometheus returned more than 2,000 series",
        ),
    ],
)
def test_hours_that_cannot_be_read_hide_nothing_of_the_last_minutes(status: int, content: bytes, reason: str) -> None:
    with PrometheusServer([series(GROWING)], hours=(status, {}, content)) as server:
        answer = asked(server)
    assert [increases(each) for each in proxies(answer)] == [{"-": 50}]
    (found,) = hours(answer)
    assert (found.problem, found.service, found.times) == (reason, HOST, ())


def test_slow_hours_are_given_up_before_the_deadline() -> None:
    with PrometheusServer([series(GROWING)], hours_hang=30) as server:
        began = monotonic()
        answer = asked(server, seconds=60)
        assert monotonic() - began < 8
    assert [increases(each) for each in proxies(answer)] == [{"-": 50}]
    assert hours(answer)[0].problem


def test_hours_that_arrive_byte_by_byte_are_given_up_as_well() -> None:
    """Each byte renewed the time-out of the connection: the run ended without any counters."""
    with PrometheusServer([series(GROWING)], hours_drip=True) as server:
        began = monotonic()
        answer = asked(server, seconds=60)
        assert monotonic() - began < 8
    assert [increases(each) for each in proxies(answer)] == [{"-": 50}]
    assert "no answer in time" in hours(answer)[0].problem


def test_a_body_that_arrives_byte_by_byte_ends_at_the_deadline() -> None:
    with PrometheusServer(hours_drip=True) as server:
        client = Prometheus(server.url, str)
        began = monotonic()
        with pytest.raises(Failure) as failed:
            client.matrix("x", 0, 7200, 60, monotonic() + 2)
        client.close()
    assert failed.value.status == 504
    assert monotonic() - began < 4


@pytest.mark.parametrize("found", [1e300, 1e12, -1e14, 0.0, float("nan")])
def test_a_time_that_is_none_is_a_failed_read(found: float) -> None:
    with pytest.raises(Failure, match="a time that is none"):
        api.pair([found, "1"])


CLOCK = {"resultType": "scalar", "result": [1.0, "1e12"]}


def test_a_clock_of_the_year_33658_is_a_failed_read() -> None:
    with PrometheusServer(answer=(200, {}, json.dumps({"status": "success", "data": CLOCK}).encode())) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert answer.message == "Prometheus returned a time that is none: 1000000000000"


GRID = [
    ([1000.0, 1060.0, 1120.0], [1000.0, 1060.0, 1120.0]),
    ([1000.001, 1119.999], [1000.001, 1120.001]),
    ([960.0, 1020.0, 1080.0], [960.0, 1020.0, 1080.0]),
    ([1020.0, 1080.0, 1140.0], [1020.0, 1080.0, 1140.0]),
]


def ranged(times: list[float]) -> list[Any]:
    """The samples of a query from 1000 to 1120 that is answered with these times."""
    found = [{"metric": {}, "values": [[at, "1"] for at in times]}]
    data = {"status": "success", "data": {"resultType": "matrix", "result": found}}
    with PrometheusServer(answer=(200, {}, json.dumps(data).encode())) as server:
        client = Prometheus(server.url, str)
        try:
            return [each["values"] for each in client.matrix("x", 1000, 1120, 60, monotonic() + 5)]
        finally:
            client.close()


@pytest.mark.parametrize(("times", "expected"), GRID)
def test_times_at_the_distance_of_the_query_are_samples(times: list[float], expected: list[float]) -> None:
    """A front end may move them to multiples of the step.

    Thanos does (`--query-range.align-range-with-step`).
    """
    assert ranged(times) == [[(at, 1.0) for at in expected]]


@pytest.mark.parametrize("times", [[1000.0, 1030.0], [1000.0, 1060.01], [930.0], [1190.0], [1000.0] * 5])
def test_other_times_are_refused(times: list[float]) -> None:
    """160,000 different times made as many samples of each pod, and took 715 MB."""
    with pytest.raises(Failure, match="at other times"):
        ranged(times)


def body(**found: Any) -> bytes:
    return json.dumps(found).encode()


MATRIX = {"resultType": "matrix", "result": []}
WRONG = {
    "no JSON": (200, b"<html>sign in</html>", 502),
    "a list": (200, b"[]", 502),
    "no data": (200, body(status="success"), 502),
    "another type": (200, body(status="success", data={"resultType": "string", "result": []}), 502),
    "no number": (200, body(status="success", data={"resultType": "scalar", "result": [1, "NaN"]}), 502),
    "a scalar without a time": (200, body(status="success", data={"resultType": "scalar", "result": ["1"]}), 502),
    "an error with 200": (200, body(status="error", error="too many samples"), 502),
    "incomplete": (200, body(status="success", data=MATRIX, warnings=["store 3 did not answer"]), 502),
    "bad request": (400, body(status="error", errorType="bad_data", error="parse error"), 400),
    "unauthorized": (401, b"", 401),
    "wrong tenant": (403, body(error={"code": "Forbidden", "message": "tenant mismatch"}), 403),
    "not found": (404, b"no such page", 404),
    "timeout of the query": (503, body(status="error", errorType="timeout", error="query timed out"), 503),
    "unprocessable": (422, body(status="error", errorType="execution", error="limit"), 422),
    "redirect": (302, b"", 302),
}


@pytest.mark.parametrize("name", WRONG)
def test_any_other_answer_is_a_failed_read(name: str) -> None:
    status, content, expected = WRONG[name]
    headers = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
    with PrometheusServer(answer=(status, headers, content)) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert (answer.source, answer.resource, answer.status) == ("metrics", "prometheus", expected)
    assert answer.message


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1.7e308", 5, None, [1]])
def test_a_value_that_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(Failure, match="not a count"):
        api.count(value)


@pytest.mark.parametrize("found", [[1], ["1", "2"], "x", [True, "2"]])
def test_a_sample_of_another_form_is_refused(found: object) -> None:
    with pytest.raises(Failure, match="form"):
        api.pair(found)


def test_throttling_is_waited_for_and_then_a_failed_read() -> None:
    with PrometheusServer(answer=(429, {"Retry-After": "0"}, b"")) as server:
        answer = asked(server)
    assert isinstance(answer, Gap)
    assert (answer.status, len(server.queries)) == (429, 3)
    with PrometheusServer(answer=(429, {"Retry-After": "60"}, b"")) as server:
        asked(server)
    assert len(server.queries) == 1


def test_a_server_that_hangs_is_given_up_at_the_deadline() -> None:
    with PrometheusServer(hang=5) as server:
        began = monotonic()
        answer = asked(server, seconds=1)
    assert isinstance(answer, Gap)
    assert answer.status == 504
    assert monotonic() - began < 6


def test_too_many_series_are_refused() -> None:
    many = [{"metric": {"pod": str(n)}, "values": []} for n in range(api.MOST_MATRIX_SERIES + 1)]
    data = {"resultType": "matrix", "result": many}
    with (
        PrometheusServer(answer=(200, {}, body(status="success", data=data))) as server,
        pytest.raises(Failure, match="more than 20,000 series"),
    ):
        Prometheus(server.url, str).matrix("x", 0, 60, 60, monotonic() + 20)


def test_a_token_is_sent_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    with PrometheusServer([series(GROWING)], require="second") as server:
        client = Prometheus(server.url, lambda: token_of_file(file))
        with pytest.raises(Failure, match="refuses the credentials"):
            client.scalar("time()", monotonic() + 5)
        file.write_text("second\n")
        assert client.scalar("time()", monotonic() + 5) > 0
        client.close()
    assert server.tokens == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_file_without_a_token_is_a_failed_read(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Failure) as failed:
        token_of_file(file)
    assert failed.value.status == 401
    assert "two words" not in failed.value.message
