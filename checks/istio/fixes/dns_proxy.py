"""The steps with which sidecars distinguish TCP destinations by addresses of their own.

A sidecar that answers the DNS queries of its pod returns the address that istiod allocates to each ServiceEntry without one.

Source: Istio, "DNS Proxying" (address auto-allocation, on by default since 1.25); annotation `proxy.istio.io/config`.
"""

import json
from collections.abc import Iterable

from checks.facts.pods import Pod
from checks.model.commands import ISTIO_DNS, disrupt, kubectl
from checks.model.findings import Action

PROXY_CONFIGURATION = "proxy.istio.io/config"
_CONFIG = 'proxyMetadata:\n  ISTIO_META_DNS_CAPTURE: "true"\n'


def capture_dns(pods: Iterable[Pod], hosts: Iterable[str]) -> tuple[Action, ...]:
    """Let the sidecars of the pods' Deployments answer DNS queries.

    The result is () if a pod has no Deployment, or a proxy configuration of its own, which a patch would replace.
    """
    kept = tuple(pods)
    if not kept or any(not each.deployment or PROXY_CONFIGURATION in each.annotations for each in kept):
        return ()
    patch = json.dumps({"spec": {"template": {"metadata": {"annotations": {PROXY_CONFIGURATION: _CONFIG}}}}})
    found = sorted({(each.namespace, each.deployment) for each in kept})
    listed = " and ".join(dict.fromkeys(hosts))
    return tuple(
        disrupt(
            f"Let the sidecars of {namespace}/{name} answer DNS queries, with an address for each of {listed}; replaces its "
            "pods, open connections are closed",
            kubectl("patch", "deployment", name, "--type", "merge", "-p", patch, namespace=namespace),
            ISTIO_DNS,
            f"a lookup of {listed} in the pods returns different addresses: istiod allocates one to each ServiceEntry without "
            "addresses",
        )
        for namespace, name in found
    )
