"""The cluster, the gateway and the host that the text of an alert names.

Names count only if they are those of the configuration, of a known gateway, or the value of a label (`service=egw`).
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.grammar.words import without_links
from checks.config.configuration import Config
from checks.model.question import BadQuestion, parse_gateway_name
from checks.model.requested_host import parse_host
from workers.records.run import Target

_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?")
_QUOTES = r"[\s\"'`*_]*"
_VALUE_OF_HOST = r"[^\s\"'`*,;)\]}]+"
_URL = re.compile(r"\b(https?://[^\s/?#\"'`<>|*,;)\]}]+)([^\s?#\"'`<>|*,;)\]}]*)([?#]?)")
_BEFORE_URL = 40
"""Characters of a line before a URL that say what it is."""

_OF_REQUEST = re.compile(
    r"\b(?:get|post|put|head|delete|patch|probe(?: of)?|reach(?:ing)?|call(?:ing|s)?|fetch(?:ing)?"
    r"|fail(?:s|ed|ing|ures?)?(?: for)?)[\s:]*$"
)
"""Words before the URL of a request.

Another URL with a path is a link, to a dashboard, a runbook or the alert's source.
"""
_OF_LINK = re.compile(r"\b(?:dashboards?|runbooks?|source|grafana|details|docs|silence|view|see)\b[\s:]*$")


@dataclass(frozen=True, slots=True)
class AlertNames:
    """The names in a text.

    "" if it names none. `clusters` and `gateways` are the candidates if it names several.
    """

    cluster: str = ""
    gateway: str = ""
    host: str = ""
    clusters: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether the text names anything."""
        return bool(self.cluster or self.gateway or self.host or self.clusters or self.gateways)

    @property
    def target(self) -> Target | None:
        """The question, if the text names a cluster and a gateway."""
        if not self.cluster or not self.gateway:
            return None
        name = parse_gateway_name(self.gateway)
        return Target(self.cluster, name.name, name.namespace, self.host or None)


def alert_names(
    texts: Sequence[str], config: Config, clusters: Collection[str], known: Callable[[str], Sequence[str]]
) -> AlertNames:
    """The names in these texts, of which an earlier one takes precedence.

    `clusters` are those that the person may check, `known` returns the gateways of one that they may check.
    """
    found = AlertNames()
    for text in (without_links(each) for each in texts):
        if not found.cluster:
            named = _clusters(text, config, clusters)
            found = replace(found, cluster=named[0] if len(named) == 1 else "", clusters=found.clusters or named)
        found = replace(found, host=found.host or _host(text))
    for text in (without_links(each) for each in texts):
        if not found.gateway and not found.gateways:
            gateways = _gateways(text, known(found.cluster) if found.cluster else ())
            found = replace(found, gateway=gateways[0] if len(gateways) == 1 else "", gateways=gateways)
    return found


def is_about(text: str, config: Config, target: Target, labels: Collection[str]) -> bool:
    """Whether the message of an alert names this gateway, and no other cluster or namespace.

    `labels` are the values of the alert's own labels: its cluster can have a name that the configuration does not contain.
    A message without a cluster is unambiguous only if the configuration has one cluster.
    """
    text = without_links(text)
    own = {each.lower() for each in labels}
    if not re.search(rf"(?<![\w-]){re.escape(target.gateway)}(?![\w-])", text):
        return False
    namespaces = set(_labels(text, "namespace"))
    if target.namespace and namespaces and not namespaces & (own | {target.namespace}):
        return False
    cluster = config.named_exactly(target.cluster)
    names = {each.lower() for each in (*cluster.names, cluster.azure_name)} if cluster is not None else {target.cluster}
    if labelled := set(_labels(text, "cluster")):
        return bool(labelled & (own | names))
    named = _clusters(text, config, [each.name for each in config.clusters])
    return target.cluster in named if named else len(config.clusters) == 1


def _clusters(text: str, config: Config, clusters: Collection[str]) -> tuple[str, ...]:
    """The clusters that the text names; the values of labels `cluster` take precedence."""
    tokens = set(_labels(text, "cluster")) or set(_TOKEN.findall(text.lower()))
    offered = [each for each in config.clusters if each.name in clusters]
    found = tuple(each.name for each in offered if tokens & {name.lower() for name in each.names})
    # The name in Azure is what the labels of many Prometheus installations contain.
    return found or tuple(each.name for each in offered if each.azure_name.lower() in tokens)


def _gateways(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The gateways that the text names: known ones, else the values of labels."""
    tokens = set(_TOKEN.findall(text.lower()))
    by_name = {full: full.lower().partition("/") for full in known}
    for matches in (
        [full for full in known if full.lower() in tokens],
        [full for full, (namespace, _, name) in by_name.items() if namespace in tokens and name in tokens],
        [full for full, (_, _, name) in by_name.items() if name in tokens],
    ):
        if matches:
            return tuple(matches)
    labelled = _label(text, "gateway") or _label(text, "service")
    if not labelled:
        return ()
    namespace = _label(text, "namespace")
    try:
        name = parse_gateway_name(labelled if "/" in labelled or not namespace else f"{namespace}/{labelled}")
    except BadQuestion:
        return ()
    return (f"{name.namespace}/{name.name}" if name.namespace else name.name,)


def _host(text: str) -> str:
    """The host in a label, else the only host of a URL in the text.

    Of labels for probed addresses, only URLs count.
    """
    labelled = [value for name in ("host", "hostname", "destination") for value in _labels(text, name, _VALUE_OF_HOST)]
    probed = [
        value
        for name in ("instance", "target", "url")
        for value in _labels(text, name, _VALUE_OF_HOST)
        if "://" in value
    ]
    for value in (*labelled, *probed):
        try:
            return parse_host(value)
        except BadQuestion:
            continue
    hosts = list(dict.fromkeys(_requested_hosts(text.lower())))
    return hosts[0] if len(hosts) == 1 else ""


def _requested_hosts(text: str) -> Iterator[str]:
    """The hosts of URLs without a path, and of URLs after a word for a request."""
    for found in _URL.finditer(text):
        before = text[max(0, found.start() - _BEFORE_URL) : found.start()].rpartition("\n")[2]
        is_request = _OF_REQUEST.search(before) is not None
        if is_request or (found[2] in ("", "/") and not found[3] and _OF_LINK.search(before) is None):
            try:
                yield parse_host((found[1] + found[2]).rstrip("/.:"))
            except BadQuestion:
                continue


def _label(text: str, name: str, value: str = _TOKEN.pattern) -> str:
    """The value of a label in lower case: `cluster=prod`, `cluster: "prod"`, `*cluster:* prod`."""
    return next(iter(_labels(text, name, value)), "")


def _labels(text: str, name: str, value: str = _TOKEN.pattern) -> Sequence[str]:
    """Each value of a label: the message of a group has those of several alerts."""
    return re.findall(rf"(?<![\w-])(?:--)?{name}{_QUOTES}[=:]{_QUOTES}({value})", text.lower())
