"""Doctor's check of whether the bot's own traffic depends on a gateway that it diagnoses."""

from datetime import UTC, datetime

from checks.config.configuration import ClusterConfig
from checks.config.settings import PodSettings
from checks.doctor.requirement_lines import DoctorLine
from checks.doctor.requirements import OWN_TRAFFIC
from checks.engine.readings import record
from checks.facts.fact import Fact
from checks.facts.istio_networking import VirtualService
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.istio.own_traffic import gateway_uses, installation_pods
from checks.sources.gathering import gather
from checks.sources.live import LiveSource

HOSTS = (
    *("slack.com", "wss-primary.slack.com", "slack-gov.com"),
    *("management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn"),
    *("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"),
)
"""The destinations of the bot and the workers, in each cloud."""

_READ: tuple[type[Fact], ...] = (Pod, Service, VirtualService)


def own_traffic_lines(entry: ClusterConfig, source: LiveSource, own_pod: PodSettings, deadline: float) -> DoctorLine:
    """Whether this installation sends its own traffic through a gateway of the cluster."""
    if not own_pod.api_server:
        return OWN_TRAFFIC.passed("this process does not run in a pod", entry.name)
    store = FactStore(datetime.now(UTC))
    for reading in gather(source, _READ, store, deadline):
        record(store, reading)
    gaps = [str(gap) for kind in _READ for gap in store.gaps(kind)]
    pods = installation_pods(store.known(Pod), own_pod.name)
    found = list(gateway_uses(pods, HOSTS, store.known(VirtualService), store.known(Service)))
    if found:
        return OWN_TRAFFIC.warned("; ".join(map(str, found)), entry.name)
    if gaps:
        return OWN_TRAFFIC.not_checked("; ".join(gaps), entry.name)
    if not pods:
        return OWN_TRAFFIC.passed(f"pod {own_pod.name} does not run in this cluster", entry.name)
    return OWN_TRAFFIC.passed("no route sends its traffic through an egress gateway", entry.name)
