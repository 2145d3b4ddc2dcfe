"""Pages of counters: those of istio-proxy, and everything that is none.

The names and labels are those of istio/proxy, `source/extensions/filters/http/istio_stats/istio_stats.cc`: the constructor of
`Context` lists them, `populatePeerInfo` sets the destination, `log` the code, `populateFlagsAndConnectionSecurity` the flags.
"""

from time import monotonic

import pytest

from checks.facts.fact import ProxyRole
from checks.sources.counter_series import MOST_SERIES, metrics_of
from checks.sources.replies import Failure
from checks.sources.stats_pages import page_sample

WANTED = metrics_of(ProxyRole.GATEWAY)
LABELS = (
    'reporter="source",source_workload="egw-asm-1-30",source_workload_namespace="team-egress",source_principal="unknown",'
    'source_app="unknown",source_version="unknown",source_cluster="Kubernetes",destination_workload="unknown",'
    'destination_workload_namespace="unknown",destination_principal="unknown",destination_app="unknown",'
    'destination_version="unknown",destination_service="{host}",destination_service_name="{host}",'
    'destination_service_namespace="team-egress",destination_cluster="unknown",request_protocol="http",'
    'response_code="{code}",grpc_response_status="",response_flags="{flags}",connection_security_policy="{policy}",'
    'source_canonical_service="egw",destination_canonical_service="unknown",source_canonical_revision="latest",'
    'destination_canonical_revision="latest"'
)


def line(
    metric: str, value: object, host: str = "edition.cnn.com", code: int = 200, flags: str = "-", policy: str = "none"
) -> str:
    return f"{metric}{{{LABELS.format(host=host, code=code, flags=flags, policy=policy)}}} {value}"


def page(*lines: str) -> bytes:
    return "\n".join(("# TYPE istio_requests_total counter", *lines, "")).encode()


def read(content: bytes) -> dict[tuple[str, str, str], float]:
    sample = page_sample(content, WANTED, lambda: None)
    return {
        (name, dict(labels).get("destination_service", ""), dict(labels).get("response_flags", "")): value
        for (name, labels), value in sample.items()
    }


def test_counters_that_differ_in_other_labels_are_added() -> None:
    found = read(
        page(
            line("istio_requests_total", 5),
            line("istio_requests_total", 2, policy="mutual_tls"),
            line("istio_requests_total", 3, code=503, flags="UF,URX"),
            line("istio_request_duration_milliseconds_bucket", 9),
            line("istio_request_duration_milliseconds_sum", 9.5),
        )
    )
    assert found == {
        ("istio_requests_total", "edition.cnn.com", "-"): 7,
        ("istio_requests_total", "edition.cnn.com", "UF,URX"): 3,
        ("istio_request_duration_milliseconds_sum", "edition.cnn.com", "-"): 9.5,
    }


def test_requests_that_arrive_at_a_sidecar_do_not_count() -> None:
    assert read(page(line("istio_requests_total", 5).replace('reporter="source"', 'reporter="destination"'))) == {}


def test_labels_may_be_missing() -> None:
    found = page_sample(page('istio_requests_total{response_code="200"} 4', "istio_requests_total 2"), WANTED, bool)
    assert sorted(found.values()) == [2, 4]


def test_a_label_may_contain_quotes_and_braces() -> None:
    found = read(page(line("istio_requests_total", 1, host='a"}x').replace('a"}x', 'a\\"}x')))
    assert list(found) == [("istio_requests_total", 'a"}x', "-")]


def test_a_page_without_counters_of_traffic_is_empty() -> None:
    assert read(page('istio_build{component="proxy",tag="1.30"} 1', "envoy_server_live 1")) == {
        ("istio_build", "", ""): 1
    }


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-3"])
def test_a_counter_that_is_no_count_is_refused(value: str) -> None:
    with pytest.raises(Failure, match="istio_requests_total is not a count"):
        read(page(line("istio_requests_total", value)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>sign in</html>",
        b'{"kind":"Status","apiVersion":"v1","code":503}',
        b"\xff\xfe\x00",
        b"upstream connect error",
    ],
)
def test_another_answer_is_no_page(content: bytes) -> None:
    with pytest.raises(Failure, match="not a page of metrics"):
        read(content)


@pytest.mark.parametrize(
    "broken", ["istio_requests_total{a=", 'istio_requests_total{a="b"} x', "istio_requests_total {"]
)
def test_a_page_that_is_cut_off_is_refused(broken: str) -> None:
    with pytest.raises(Failure, match="cannot be parsed"):
        read(page(broken))


def test_ten_megabytes_of_other_counters_are_read_quickly() -> None:
    other = line("istio_request_bytes_bucket", 1)
    content = page(line("istio_requests_total", 5), *[other] * (10_000_000 // len(other)))
    began = monotonic()
    assert read(content) == {("istio_requests_total", "edition.cnn.com", "-"): 5}
    assert monotonic() - began < 2


def test_a_hundred_thousand_series_are_refused() -> None:
    lines = [f'istio_requests_total{{destination_service="h{n}"}} 1' for n in range(100_000)]
    with pytest.raises(Failure, match=f"more than {MOST_SERIES:,} counters"):
        read(page(*lines))


def test_the_deadline_ends_the_parsing() -> None:
    def late() -> None:
        raise Failure(504, "late")

    with pytest.raises(Failure, match="late"):
        page_sample(page(line("istio_requests_total", 5)), WANTED, late)
