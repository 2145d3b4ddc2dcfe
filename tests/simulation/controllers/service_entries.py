"""istiod allocates addresses to ServiceEntries without them.

Source: https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/ (address auto-allocation).
"""

from tests.simulation.cluster_copy import ClusterCopy


def allocate_addresses(copy: ClusterCopy) -> None:
    """Write an address for each host into the status of every ServiceEntry that has none."""
    number = 0
    for entry in copy.of("ServiceEntry"):
        spec = entry.get("spec") or {}
        if (
            spec.get("addresses")
            or spec.get("resolution", "NONE") == "NONE"
            or (entry.get("status") or {}).get("addresses")
        ):
            continue
        found = []
        for host in spec.get("hosts") or ():
            number += 1
            found.append({"host": host, "value": f"240.240.0.{number}"})
        copy.put({**entry, "status": {**(entry.get("status") or {}), "addresses": found}})
