"""Whether the destination address of a connection decides about its outcome behind a proxy."""

from collections.abc import Iterable

from checks.istio.proxy.clusters import PASSTHROUGH
from checks.istio.request.outcome import ConfigurationPart, End
from checks.istio.request.proxy_configuration import ProxyConfiguration


def address_decides(here: ProxyConfiguration, ends: Iterable[End]) -> bool:
    """Whether another destination address of a connection could end otherwise behind a proxy.

    Its filter chain is the same. Policies of a gateway and clusters that keep the address can depend on it.
    """
    for end in ends:
        step = next((each for each in end.steps if each.part is ConfigurationPart.CLUSTER), None)
        if step is None or step.cluster is None or step.cluster.host == PASSTHROUGH:
            return True
        cluster = here.clusters.get(step.cluster)
        if cluster is not None and cluster.original_destination:
            return True
    return here.proxy.gateway and bool(here.policies)
