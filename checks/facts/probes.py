"""Results of active steps, as `probes.yaml` of a bundle contains them.

Source: docs/contract.md#active-steps.
"""

from datetime import datetime
from enum import StrEnum

from checks.facts.fact import Fact, ProbeResults
from checks.model.raw_values import moment, number, text, texts


class ProbeOutcome(StrEnum):
    """The outcome of a probe: an answer, or the reason why there is none.

    Whether an address is the right one is not part of it: that depends on the egress IP prefix.
    """

    ANSWERED = "answered"
    NO_EGRESS = "no-egress"
    NO_CONNECTION = "no-connection"
    NO_ANSWER = "no-answer"
    DNS = "dns"
    PROXY = "proxy"
    TLS = "tls"
    ECHO_DOWN = "echo-down"
    HTML_PAGE = "html-page"
    NOT_AN_ADDRESS = "not-an-address"
    TOO_LARGE = "too-large"
    NOT_SENT = "not-sent"
    NO_OUTPUT = "no-output"
    IMAGE = "image"
    NO_CURL = "no-curl"
    NOT_SCHEDULED = "not-scheduled"
    NO_NETWORK = "no-network"
    WEBHOOK = "webhook"
    POLICY = "policy"
    QUOTA = "quota"
    FORBIDDEN = "forbidden"
    TERMINATING = "terminating"
    FOREIGN_OBJECT = "foreign-object"
    TARGET_DELETED = "target-deleted"
    LOG_UNREADABLE = "log-unreadable"
    NOT_STARTED = "not-started"
    API_SERVER = "api-server"

    @property
    def about_egress(self) -> bool:
        """Whether it concerns the static egress gateway, not only the probe itself."""
        return self in (ProbeOutcome.ANSWERED, ProbeOutcome.NO_EGRESS, ProbeOutcome.NO_NETWORK)


class ProbeResult(Fact):
    """The result of one probe.

    `raw` holds kind (`probe-pod` or `probe-gateway`), gateway (`namespace/name`), at, pod, outcome, addresses, seconds,
    url, detail, and what was probed: prefix, configuration, configuration_uid and configuration_generation.
    """

    __slots__ = ()
    origin = ProbeResults()

    @property
    def key(self) -> tuple[str, str]:
        return (self.gateway.partition("/")[0], self.gateway.partition("/")[2])

    @property
    def kind(self) -> str:
        return text(self.raw, "kind")

    @property
    def gateway(self) -> str:
        """`namespace/name`."""
        return text(self.raw, "gateway")

    @property
    def at(self) -> datetime | None:
        return moment(self.raw, "at")

    @property
    def pod(self) -> str:
        """The name of the pod that sent the requests; "" if there was none."""
        return text(self.raw, "pod")

    @property
    def outcome(self) -> ProbeOutcome | None:
        """None for an outcome that this version does not know."""
        try:
            return ProbeOutcome(text(self.raw, "outcome"))
        except ValueError:
            return None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The source IP addresses that the destinations returned."""
        return texts(self.raw, "addresses")

    @property
    def seconds(self) -> float:
        """The time of the first successful request."""
        found = self.raw.get("seconds")
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0

    @property
    def url(self) -> str:
        return text(self.raw, "url")

    @property
    def detail(self) -> str:
        """The message of the API server, the kubelet or curl."""
        return text(self.raw, "detail")

    @property
    def prefix(self) -> str:
        """`status.egressIpPrefix` when the request was sent; "" if it was not recorded."""
        return text(self.raw, "prefix")

    @property
    def configuration(self) -> str:
        """The name of the StaticGatewayConfiguration that was probed; "" if it was not recorded."""
        return text(self.raw, "configuration")

    @property
    def configuration_uid(self) -> str:
        return text(self.raw, "configuration_uid")

    @property
    def configuration_generation(self) -> int | None:
        return number(self.raw, "configuration_generation")
