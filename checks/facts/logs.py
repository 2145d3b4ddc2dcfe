"""Logs of the gateway's proxies, of istiod and of the static egress components."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from checks.facts.fact import Fact, PodLog, PodName, derived
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.raw_values import parse_moment, text

_TIME = re.compile(r"^\[?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))\]?\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One log line: its time (None if it has none) and its text as written."""

    at: datetime | None
    text: str

    @property
    def message(self) -> str:
        """The text without its time, or the message of a JSON line (`--log_as_json`)."""
        if self.text.startswith("{"):
            try:
                raw = orjson.loads(self.text)
            except orjson.JSONDecodeError:
                return self.text
            return "\t".join(p for p in (text(raw, "level"), text(raw, "scope"), text(raw, "msg")) if p)
        return _TIME.sub("", self.text, count=1)


class LogText(Fact):
    """The newest lines of one container, oldest first.

    `raw` holds namespace, pod, container and text.
    """

    __slots__ = ()

    @derived
    def key(self) -> tuple[str, str]:
        return (text(self.raw, "namespace"), text(self.raw, "pod"))

    @derived
    def ref(self) -> str:
        return f"log of {text(self.raw, 'container')} in pod {'/'.join(self.key)}"

    @derived
    def lines(self) -> tuple[Line, ...]:
        """The lines, parsed."""
        return tuple(_line(each) for each in text(self.raw, "text").splitlines() if each.strip())

    def containing(self, *words: str) -> Iterator[Line]:
        """The lines with one of these words, newest first.

        Only these lines are parsed: most lines are irrelevant.
        """
        written = text(self.raw, "text")
        if any(word in written for word in words):
            for each in reversed(written.splitlines()):
                if any(word in each for word in words):
                    yield _line(each)

    def matching(self, pattern: re.Pattern[str]) -> tuple[Line, ...]:
        """The lines that match the pattern, oldest first."""
        return tuple(line for line in self.lines if pattern.search(line.text))


def _line(written: str) -> Line:
    if found := _TIME.match(written):
        return Line(parse_moment(found["time"]), written)
    if written.startswith("{"):
        try:
            raw = orjson.loads(written)
            # Istio writes `time`, the operator (zap) `ts`.
            return Line(parse_moment(text(raw, "time") or text(raw, "ts")), written)
        except orjson.JSONDecodeError:
            return Line(None, written)
    return Line(None, written)


def _gateway_pods(store: FactStore) -> Iterable[PodName]:
    for target in store.targets:
        for pod in store.gateway_pods(target):
            if (proxy := pod.proxy) is not None and proxy.started:
                yield PodName(pod.namespace, pod.name)


def _istiod_pods(store: FactStore) -> Iterable[PodName]:
    revisions = {revision for target in store.targets for revision in target.revisions}
    for pod in store.known(Pod):
        if pod.namespace != "aks-istio-system" or pod.labels.get("app") != "istiod":
            continue
        if not revisions or pod.labels.get("istio.io/rev") in revisions:
            yield PodName(pod.namespace, pod.name)


def _cni_managers(store: FactStore) -> Iterable[PodName]:
    nodes = {pod.node for target in store.targets for pod in store.gateway_pods(target) if pod.node}
    for pod in store.known(Pod):
        if pod.node in nodes and pod.owner[1].endswith("kube-egress-gateway-cni-manager"):
            yield PodName(pod.namespace, pod.name)


def _gateway_daemons(store: FactStore) -> Iterable[PodName]:
    for pod in store.known(Pod):
        if pod.owner[1].endswith("kube-egress-gateway-daemon-manager"):
            yield PodName(pod.namespace, pod.name)


class ProxyLog(LogText):
    """The log of istio-proxy in the gateway's pods."""

    __slots__ = ()
    origin = PodLog("istio-proxy", (Pod, Deployment), _gateway_pods, tail=500)


class IstiodLog(LogText):
    """The log of istiod (container discovery) of the gateway's revisions."""

    __slots__ = ()
    origin = PodLog("discovery", (Pod,), _istiod_pods, tail=2000)


class CniManagerLog(LogText):
    """The log of the cni-managers on the nodes of the gateway's pods.

    Source: article, static gateway step 2.
    """

    __slots__ = ()
    origin = PodLog("cnimanager", (Pod, Deployment), _cni_managers, tail=200)


class GatewayDaemonLog(LogText):
    """The log of the daemons on the gateway nodes."""

    __slots__ = ()
    origin = PodLog("daemon", (Pod,), _gateway_daemons, tail=200)
