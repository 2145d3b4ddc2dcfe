"""Changes around the routing objects.

They concern mesh configuration, the gateway's Service and pods, clients, namespaces and revisions.
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.istiod.meshes.draft import GATEWAY, NAMESPACE, REVISION, ROOT, Change, Draft, changes

_EXPORTS: list[Any] = [["."], ["*"], ["~"], ["team-a", NAMESPACE]]


def _mesh(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        draft.mesh[field] = draft.pick(values)
        return True

    return change


def _export(draft: Draft) -> bool:
    value = draft.pick([".", "*", "team-a", f"team-a,{NAMESPACE}", "~"])
    draft.change("Service", NAMESPACE, GATEWAY, {"metadata": {"annotations": {"networking.istio.io/exportTo": value}}})
    return True


def _service_ports(draft: Draft) -> bool:
    ports = [{"name": "status-port", "port": 15021, "protocol": "TCP", "targetPort": 15021}]
    kept = draft.pick(
        [[("http2", 80, 80)], [("https", 443, 443)], [("http2", 80, 8080), ("https", 443, 8443)], [("http", 80, 80)]]
    )
    ports += [{"name": name, "port": port, "protocol": "TCP", "targetPort": target} for name, port, target in kept]
    draft.change("Service", NAMESPACE, GATEWAY, {"spec": {"ports": ports}})
    listed = [{"name": each["name"], "port": each["targetPort"], "protocol": "TCP"} for each in ports]
    draft.changes.append(
        {"kind": "EndpointSlice", "metadata": {"namespace": NAMESPACE, "name": f"{GATEWAY}-*"}, "ports": listed}
    )
    return True


def _no_endpoints(draft: Draft) -> bool:
    draft.changes.append(
        {"kind": "EndpointSlice", "metadata": {"namespace": NAMESPACE, "name": f"{GATEWAY}-*"}, "endpoints": []}
    )
    return True


def _client(annotations: list[dict[str, str]]) -> Change:
    def change(draft: Draft) -> bool:
        meta = {"namespace": "team-a", "name": "web-*", "annotations": draft.pick(annotations)}
        draft.changes.append({"kind": "Pod", "metadata": meta})
        return True

    return change


def _discovery(draft: Draft) -> bool:
    labels = draft.pick([{"team": "egress"}, {"team": "a"}, {"istio-discovery": "enabled"}])
    draft.mesh["discoverySelectors"] = [{"matchLabels": labels}]
    if draft.rng.random() < 0.5:
        draft.mesh["discoverySelectors"].append({"matchLabels": draft.pick([{"team": "a"}, {"team": "egress"}])})
    return True


def _revision_label(draft: Draft) -> bool:
    some = [each for each in draft.objects if each["apiVersion"].partition("/")[0].endswith("istio.io")]
    if not some:
        return False
    draft.rng.choice(some)["metadata"]["labels"] = {"istio.io/rev": draft.pick([REVISION, "asm-1-29", "default"])}
    return True


def _one_age(draft: Draft) -> bool:
    """Names decide where ages do not."""
    draft.same_age()
    return True


def _older_revision(draft: Draft) -> bool:
    """team-b still runs with asm-1-29, which has mesh settings of its own."""
    older = "asm-1-29"
    draft.change("Namespace", None, "team-b", {"metadata": {"labels": {"istio.io/rev": older}}})
    status = '{"initContainers":["istio-init","istio-proxy"],"containers":[],"revision":"asm-1-29"}'
    annotations = {"istio.io/rev": older, "sidecar.istio.io/status": status}
    draft.changes.append(
        {"kind": "Pod", "metadata": {"namespace": "team-b", "name": "batch-*", "annotations": annotations}}
    )
    policy = {"outboundTrafficPolicy": {"mode": draft.pick(["ALLOW_ANY", "REGISTRY_ONLY"])}}
    more: list[Any] = [{}, {"defaultVirtualServiceExportTo": ["."]}, {"defaultServiceExportTo": ["."]}]
    for name, settings in (
        (f"istio-{older}", {"rootNamespace": ROOT, "trustDomain": "cluster.local"}),
        (f"istio-shared-configmap-{older}", {**policy, **draft.pick(more)}),
    ):
        manifest = draft.add("ConfigMap", name, {}, ROOT)
        del manifest["spec"]
        manifest |= {"apiVersion": "v1", "data": {"mesh": yaml.safe_dump(settings)}}
    return True


def _without_sidecar(draft: Draft) -> bool:
    containers = [{"name": "web", "image": "ghcr.io/example/web:4.2.0"}]
    meta = {"namespace": "team-a", "name": "web-*", "annotations": {"sidecar.istio.io/status": None}}
    draft.changes.append({"kind": "Pod", "metadata": meta, "spec": {"initContainers": None, "containers": containers}})
    return True


@changes("surroundings")
def _changes() -> dict[str, Change]:
    ports, ranges = "traffic.sidecar.istio.io/excludeOutboundPorts", "traffic.sidecar.istio.io/excludeOutboundIPRanges"
    included = "traffic.sidecar.istio.io/includeOutboundIPRanges"
    return {
        "mesh.outboundTrafficPolicy": _mesh(
            "outboundTrafficPolicy", [{"mode": "ALLOW_ANY"}, {"mode": "REGISTRY_ONLY"}, {}]
        ),
        "mesh.defaultVirtualServiceExportTo": _mesh("defaultVirtualServiceExportTo", _EXPORTS),
        "mesh.defaultDestinationRuleExportTo": _mesh("defaultDestinationRuleExportTo", _EXPORTS),
        "mesh.defaultServiceExportTo": _mesh("defaultServiceExportTo", _EXPORTS),
        "mesh.enableAutoMtls": _mesh("enableAutoMtls", [False]),
        "mesh.h2UpgradePolicy": _mesh("h2UpgradePolicy", ["UPGRADE"]),
        "mesh.pathNormalization": _mesh("pathNormalization", [{"normalization": "MERGE_SLASHES"}]),
        "mesh.trustDomain": _mesh("trustDomain", ["other.local"]),
        "mesh.defaultHttpRetryPolicy": _mesh("defaultHttpRetryPolicy", [{"attempts": 0}]),
        "mesh.meshMTLS": _mesh("meshMTLS", [{"minProtocolVersion": "TLSV1_3"}]),
        "mesh.verifyCertAtClient": _mesh("verifyCertificateAtClient", [False]),
        "mesh.protocolDetectionTimeout": _mesh("protocolDetectionTimeout", ["0s"]),
        "mesh.discoverySelectors": _discovery,
        "Service.exportTo": _export,
        "Service.ports": _service_ports,
        "Service without endpoints": _no_endpoints,
        "client.excludeOutboundPorts": _client([{ports: "80"}, {ports: "443"}, {ports: "80,443,5432"}]),
        "client.excludeOutboundIPRanges": _client(
            [{ranges: "198.51.100.0/24"}, {ranges: "203.0.113.0/24"}, {ranges: "0.0.0.0/0"}]
        ),
        "client.includeOutboundIPRanges": _client([{included: "10.0.0.0/8"}, {included: "*"}, {included: ""}]),
        "client.without sidecar": _without_sidecar,
        "client.older revision": _older_revision,
        "istio.io/rev": _revision_label,
        "all of one age": _one_age,
    }
