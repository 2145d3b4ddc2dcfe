"""The cluster, the gateway and the host that the text of an alert names.

Names count only if they are those of the configuration, of a known gateway, or the value of a label (`service=egw`).
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bot.grammar.words import without_links
from checks.config.configuration import Config
from checks.model.question import BadQuestion, parse_gateway_name
from checks.model.requested_host import parse_host
from workers.records.run import Target

_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?")
_QUOTES = r"[\s\"'`*_]*"


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


def _clusters(text: str, config: Config, clusters: Collection[str]) -> tuple[str, ...]:
    """The clusters that the text names; the value of a label `cluster` takes precedence."""
    labelled = _label(text, "cluster")
    tokens = {labelled} if labelled else set(_TOKEN.findall(text.lower()))
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
    """The host in a label; an address alone may be a link to a dashboard."""
    for label in ("host", "hostname", "destination"):
        try:
            if value := _label(text, label, r"[^\s\"'`*,;)\]}]+"):
                return parse_host(value)
        except BadQuestion:
            continue
    return ""


def _label(text: str, name: str, value: str = _TOKEN.pattern) -> str:
    """The value of a label in lower case: `cluster=prod`, `cluster: "prod"`, `*cluster:* prod`."""
    found = re.search(rf"(?<![\w-])(?:--)?{name}{_QUOTES}[=:]{_QUOTES}({value})", text.lower())
    return found[1] if found is not None else ""
