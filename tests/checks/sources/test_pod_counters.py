"""Counters of the pods themselves: two samples, remembered samples, failed reads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.sources.pod_counters import PodCounters
from checks.sources.replies import Failure
from checks.sources.source import Answer, Objects

PODS = (PodName("team-egress", "egw-asm-1-30-abc"), PodName("team-egress", "egw-asm-1-30-def"))
HOST = "egw.team-egress.svc.cluster.local"
WANTED = CountersWanted((ProxyGroup(ProxyRole.GATEWAY, "team-egress", ("egw-asm-1-30",), PODS, HOST),))


class Pages:
    """Pods whose counter grows by 7 at each read; `failing` are those that do not answer."""

    def __init__(self, failing: dict[PodName, Failure] | None = None) -> None:
        self.failing = failing or {}
        self.reads: list[tuple[PodName, int, str]] = []
        self.values = dict.fromkeys(PODS, 100)
        self.query: dict[str, str] = {}

    def pod_page(self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float) -> bytes:
        del most, deadline
        self.reads.append((pod, port, path))
        self.query = query
        if pod in self.failing:
            raise self.failing[pod]
        self.values[pod] = self.values.get(pod, 0) + 7
        labels = 'reporter="source",destination_service="a.example",response_code="200",response_flags="-"'
        return f"# TYPE istio_requests_total counter\nistio_requests_total{{{labels}}} {self.values[pod]}\n".encode()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def asked(counters: PodCounters, wanted: CountersWanted = WANTED, seconds: float = 5) -> Answer:
    return counters.proxy_counters(wanted, monotonic() + seconds)


def proxies(answer: Answer) -> list[ProxyTraffic]:
    assert isinstance(answer, Objects), answer
    return [ProxyTraffic(each) for each in answer.raw]


def opened(pages: Pages, clock: Callable[[], datetime] | None = None) -> PodCounters:
    return PodCounters(pages, pause=0.05, clock=clock or Clock())


def test_each_pod_is_sampled_twice() -> None:
    pages = Pages()
    found = proxies(asked(opened(pages)))
    assert [each.key for each in found] == [("team-egress", each.name) for each in PODS]
    windows = [each.window() for each in found]
    assert [[i.amount for i in w.increases] for w in windows if w is not None] == [[7], [7]]
    assert {(port, path) for _, port, path in pages.reads} == {(15090, "/stats/prometheus")}
    assert "istio_" in pages.query["filter"]


def test_an_earlier_look_makes_the_second_sample_unnecessary() -> None:
    pages, clock = Pages(), Clock()
    counters = opened(pages, clock)
    asked(counters)
    clock.now += timedelta(minutes=4)
    pages.reads.clear()
    (first, _) = proxies(asked(counters))
    assert len(pages.reads) == 2  # one for each pod
    window = first.window(timedelta(minutes=5))
    assert window is not None
    assert 240 <= window.seconds <= 250
    assert len(first.times) == 3


def test_samples_are_forgotten_after_a_quarter_of_an_hour() -> None:
    pages, clock = Pages(), Clock()
    counters = opened(pages, clock)
    asked(counters)
    clock.now += timedelta(minutes=16)
    (first, _) = proxies(asked(counters))
    assert len(first.times) == 2


def test_a_few_samples_are_kept_and_the_oldest_is_one_of_them() -> None:
    pages, clock = Pages(), Clock()
    counters = opened(pages, clock)
    for _ in range(5):
        asked(counters)
        clock.now += timedelta(minutes=1)
    (first, _) = proxies(asked(counters))
    assert len(first.times) <= 5
    assert first.times[-1] - first.times[0] > timedelta(minutes=4)


def test_a_pod_that_does_not_answer_is_a_gap_and_hides_no_other() -> None:
    answer = asked(opened(Pages({PODS[1]: Failure(503, "connection refused")})))
    assert [each.key[1] for each in proxies(answer)] == [PODS[0].name]
    assert isinstance(answer, Objects)
    assert answer.missing == (
        Gap("metrics", "get", "pods/proxy", 503, "connection refused", "team-egress", PODS[1].name),
    )


def test_without_the_permission_there_is_one_gap() -> None:
    answer = asked(opened(Pages(dict.fromkeys(PODS, Failure(403, "forbidden")))))
    assert answer == Gap("metrics", "get", "pods/proxy", 403, "forbidden")


def test_a_defect_of_the_parser_is_a_gap() -> None:
    pages = Pages()
    del pages.values
    answer = asked(opened(pages))
    assert answer == Gap("metrics", "get", "pods/proxy", 0, "AttributeError")


def test_the_deadline_is_kept() -> None:
    pages = Pages()
    began = monotonic()
    asked(PodCounters(pages, pause=30.0), seconds=1.5)
    assert monotonic() - began < 2.5


def test_pods_beyond_the_limit_are_named_and_not_read() -> None:
    many = tuple(PodName("n", f"egw-asm-1-30-{number:03}") for number in range(70))
    pages = Pages()
    found = proxies(asked(opened(pages), CountersWanted((ProxyGroup(ProxyRole.GATEWAY, "n", (), many, HOST),))))
    assert len(found) == 70
    assert sum(each.left_out for each in found) == 6
    assert {pod for pod, _, _ in pages.reads} == set(many[:64])


def test_istiod_is_read_at_its_own_port() -> None:
    pages = Pages()
    istiod = PodName("aks-istio-system", "istiod-asm-1-30-x")
    answer = asked(opened(pages), CountersWanted((ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system", (), (istiod,)),)))
    assert {(port, path) for _, port, path in pages.reads} == {(15014, "/metrics")}
    assert [each.role for each in proxies(answer)] == ["istiod"]
