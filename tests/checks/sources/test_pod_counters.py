"""Counters of the pods themselves: two samples, remembered samples, failed reads."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event, Timer
from time import monotonic, sleep

from checks.facts.fact import CountersWanted, Gap, PodName, ProxyGroup, ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.sources.pod_counters import PodCounters
from checks.sources.pod_samples import Samples
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
    return PodCounters(pages, shortest=0.05, clock=clock or Clock())


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
    asked(PodCounters(pages, shortest=30.0), seconds=1.5)
    assert monotonic() - began < 2.5


def test_a_pod_that_hangs_leaves_the_others_time_for_a_second_sample() -> None:
    class Hanging(Pages):
        def pod_page(
            self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float
        ) -> bytes:
            if pod == PODS[1]:
                sleep(max(0.0, deadline - monotonic()))
                raise Failure(504, "no answer")
            return super().pod_page(pod, port, path, query, most, deadline)

    answer = asked(opened(Hanging()), seconds=4)
    (found,) = proxies(answer)
    assert (found.key[1], len(found.times)) == (PODS[0].name, 2)
    assert isinstance(answer, Objects)
    assert [each.name for each in answer.missing] == [PODS[1].name]


def test_pods_beyond_the_limit_of_a_cluster_are_named_and_not_read() -> None:
    many = [tuple(PodName("n", f"egw{group}-asm-1-30-{number}") for number in range(10)) for group in range(7)]
    pages = Pages()
    wanted = CountersWanted(tuple(ProxyGroup(ProxyRole.GATEWAY, "n", (), pods, HOST) for pods in many))
    found = proxies(asked(opened(pages), wanted))
    assert len(found) == 70
    assert sum(each.left_out for each in found) == 6
    assert {pod for pod, _, _ in pages.reads} == {pod for pods in many for pod in pods[:10]} - set(many[6][4:])


def test_ten_pods_of_a_gateway_are_read_and_the_others_named() -> None:
    many = tuple(PodName("n", f"egw-asm-1-30-{number:02}") for number in range(12))
    pages = Pages()
    group = ProxyGroup(ProxyRole.GATEWAY, "n", (), many, HOST)
    found = proxies(asked(opened(pages), CountersWanted((group,))))
    assert [each.key[1] for each in found if each.left_out] == ["egw-asm-1-30-10", "egw-asm-1-30-11"]
    assert {pod for pod, _, _ in pages.reads} == set(many[:10])


def test_istiod_is_read_at_its_own_port() -> None:
    pages = Pages()
    istiod = PodName("aks-istio-system", "istiod-asm-1-30-x")
    answer = asked(opened(pages), CountersWanted((ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system", (), (istiod,)),)))
    assert {(port, path) for _, port, path in pages.reads} == {(15014, "/metrics")}
    assert [each.role for each in proxies(answer)] == ["istiod"]


def test_three_of_five_istiods_are_read_and_the_others_marked() -> None:
    pages = Pages()
    istiods = tuple(PodName("aks-istio-system", f"istiod-asm-1-30-{n}") for n in range(5))
    found = proxies(
        asked(opened(pages), CountersWanted((ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system", (), istiods),)))
    )
    assert [each.key[1] for each in found if each.left_out] == ["istiod-asm-1-30-3", "istiod-asm-1-30-4"]
    assert {pod for pod, _, _ in pages.reads} == set(istiods[:3])


class _Ends:
    """Other reads that end after so many seconds; `asked` are the longest times to wait."""

    def __init__(self, seconds: float) -> None:
        self.asked: list[float] = []
        self.began = monotonic()
        self._event = Event()
        self._timer = Timer(seconds, self._event.set)
        self._timer.daemon = True
        self._timer.start()

    def wait(self, timeout: float) -> bool:
        self.asked.append(timeout)
        return self._event.wait(timeout)


def times_of_reads(shortest: float, others: _Ends, seconds: float = 10) -> list[float]:
    """The times of the reads of two pods, two for each."""
    reads: list[float] = []

    class Timed(Pages):
        def pod_page(
            self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float
        ) -> bytes:
            reads.append(monotonic())
            return super().pod_page(pod, port, path, query, most, deadline)

    PodCounters(Timed(), shortest=shortest, clock=Clock()).proxy_counters(WANTED, monotonic() + seconds, others)
    return reads


def test_the_second_sample_is_taken_when_the_other_reads_have_ended() -> None:
    others = _Ends(0.5)
    reads = times_of_reads(0.1, others, seconds=60)
    assert 0.5 <= reads[2] - others.began < 15


def test_a_window_is_never_shorter_than_its_minimum() -> None:
    reads = times_of_reads(0.4, _Ends(0.0), seconds=60)
    assert 0.4 <= reads[2] - reads[0] < 15


def test_reads_that_hang_delay_the_second_sample_only_until_the_deadline_is_near() -> None:
    reads = times_of_reads(0.1, _Ends(60), seconds=4)
    assert reads[2] - reads[0] < 4
    others = _Ends(0.1)
    times_of_reads(0.05, others, seconds=300)
    assert others.asked == [20.0]


class Shared:
    """A memory that two workers share."""

    def __init__(self) -> None:
        self.kept: dict[PodName, Samples] = {}

    def load(self, pods: Collection[PodName]) -> Mapping[PodName, Samples]:
        return {pod: self.kept[pod] for pod in pods if pod in self.kept}

    def keep(self, samples: Mapping[PodName, Samples]) -> None:
        self.kept.update(samples)


def test_a_worker_uses_the_samples_of_another_one() -> None:
    pages, clock, shared = Pages(), Clock(), Shared()
    one, other = opened(pages, clock), opened(pages, clock)
    for each in (one, other):
        each.keep_samples_in(shared)
    asked(one)
    clock.now += timedelta(minutes=2)
    pages.reads.clear()
    (first, _) = proxies(asked(other))
    assert len(pages.reads) == 2
    assert len(first.times) == 3
    window = first.window()
    assert window is not None
    assert sum(each.amount for each in window.increases) == 14


def test_labels_are_redacted_before_they_are_kept() -> None:
    secret = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl"

    class Secret(Pages):
        def pod_page(
            self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float
        ) -> bytes:
            page = super().pod_page(pod, port, path, query, most, deadline)
            return page.replace(b"a.example", secret.encode())

    shared = Shared()
    counters = opened(Secret())
    counters.keep_samples_in(shared)
    (found, _) = proxies(asked(counters))
    assert "c2lnbmF0" not in str(shared.kept)
    window = found.window()
    assert window is not None
    assert [each.amount for each in window.increases] == [7]
