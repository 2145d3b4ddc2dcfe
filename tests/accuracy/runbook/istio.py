"""The article's section about Istio's configuration."""

import re
from collections.abc import Iterator

from tests.accuracy.runbook.reading import Json, Reading, label, stated
from tests.accuracy.scoring import Statement

_NETWORKING = "networking.istio.io"
_ROOT = "aks-istio-system"
_READY = "Envoy proxy is ready"


def steps(read: Reading) -> Iterator[Statement]:
    """IST-1 to IST-6, in the article's order."""
    yield from _gateway_api(read)
    yield from _access_log(read)
    yield from _logs(read)
    gateways = list(_selecting(read))
    yield from _selector(read, gateways)
    hosts = _hosts(read, gateways)
    yield from _service_entries(read, hosts)
    yield from _secrets(read)
    yield from _plain_http(read, hosts)


def _gateway_api(read: Reading) -> Iterator[Statement]:
    """The note: the Gateway API is not supported for egress gateways."""
    for each in read.objects("Gateway", "gateway.networking.k8s.io"):
        advice = "Configure the gateway with Istio's custom resources (networking.istio.io)"
        yield stated("gateway-api-unmanaged", [label(each)], f"{label(each)} is of the Gateway API", advice)


def _access_log(read: Reading) -> Iterator[Statement]:
    """IST-1: access logs are enabled through MeshConfig or Telemetry."""
    telemetries = [*read.objects("Telemetry", "telemetry.istio.io", None)]
    meshes = [str((each.get("data") or {}).get("mesh")) for each in read.objects("ConfigMap", "", _ROOT)]
    logging = any((each.get("spec") or {}).get("accessLogging") for each in telemetries)
    if not logging and not any("accessLogFile" in each for each in meshes) and not read.failed:
        yield stated(
            "access-log-off", [], "Envoy's access log is not enabled", "Enable the access log: kind: Telemetry"
        )


def _logs(read: Reading) -> Iterator[Statement]:
    """IST-2: the proxy is ready by its log, and istiod's log has no errors of it."""
    for pod in read.gateway_pods:
        text = read.log(read.namespace, pod["metadata"]["name"], "istio-proxy")
        if text is not None and _READY not in text:
            yield stated("proxy-not-ready", [label(pod)], f"The log of {label(pod)} does not have “{_READY}”")
            break
    for pod in read.objects("Pod", "", _ROOT):
        lines = (read.log(_ROOT, pod["metadata"]["name"], "discovery") or "").splitlines()
        if any(re.search(r"\berror\b", each) and read.name in each for each in lines):
            yield stated("proxy-configuration-rejected", [], f"The log of {label(pod)} has errors of the gateway")
            break


def _label(read: Reading) -> str:
    """The label istio of the gateway's Service."""
    service = read.get("Service", "", read.name)
    return str((service or {}).get("metadata", {}).get("labels", {}).get("istio", ""))


def _selecting(read: Reading) -> Iterator[Json]:
    for each in read.objects("Gateway", _NETWORKING, None):
        if (each["spec"].get("selector") or {}).get("istio") == _label(read):
            yield each


def _selector(read: Reading, selecting: list[Json]) -> Iterator[Statement]:
    """IST-3: the Gateway's selector has the label istio of the Service."""
    wanted = _label(read)
    others = read.objects("Gateway", _NETWORKING)
    if selecting or not others or not wanted:
        return
    advice = f"Configure the Gateway with selector istio: {wanted}"
    where = [label(each) for each in others]
    yield stated("gateway-selector-mismatch", where, f"No Gateway selects istio: {wanted}", advice)


def _hosts(read: Reading, gateways: list[Json]) -> list[str]:
    """The host in question, otherwise those of the VirtualServices at the Gateways."""
    if read.answer.host:
        return [re.sub(r"^\w+://", "", read.answer.host).partition("/")[0].partition(":")[0]]
    names = {name for each in gateways for name in _names(each)}
    found: list[str] = []
    for each in read.objects("VirtualService", _NETWORKING, None):
        if names & set(each["spec"].get("gateways") or ()):
            found += each["spec"].get("hosts") or ()
    return list(dict.fromkeys(found))


def _names(gateway: Json) -> tuple[str, str]:
    name = gateway["metadata"]["name"]
    return name, f"{gateway['metadata']['namespace']}/{name}"


def _service_entries(read: Reading, hosts: list[str]) -> Iterator[Statement]:
    """IST-4: a ServiceEntry of each host, with resolution DNS."""
    entries = read.objects("ServiceEntry", _NETWORKING, None)
    if f"serviceentries.{_NETWORKING}" in read.failed:
        return
    for host in hosts:
        of_host = [each for each in entries if host in (each["spec"].get("hosts") or ())]
        if not of_host:
            advice = f"Create a ServiceEntry (kind: ServiceEntry) for {host}"
            yield stated("service-entry-missing", [f"host {host}"], f"No ServiceEntry has host {host}", advice)
        elif all(each["spec"].get("resolution") != "DNS" for each in of_host):
            text = f"The ServiceEntry of {host} does not have resolution DNS"
            yield stated("service-entry-not-dns", [label(of_host[0])], text, "Set spec.resolution to DNS")


def _secrets(read: Reading) -> Iterator[Statement]:
    """IST-5: the Secret of mutual TLS is in the gateway's namespace."""
    for rule in read.objects("DestinationRule", _NETWORKING, None):
        for tls in _tls(rule):
            name = tls.get("credentialName")
            if tls.get("mode") == "MUTUAL" and name and read.get("Secret", "", name) is None:
                if "secrets" not in read.failed:
                    text = f"Secret {name} is not in namespace {read.namespace}"
                    advice = f"Create Secret {name} in namespace {read.namespace} (kind: Secret)"
                    where = [f"Secret {read.namespace}/{name}"]
                    yield stated("credential-secret-missing", where, text, advice)
                return


def _tls(rule: Json) -> Iterator[Json]:
    policy = rule["spec"].get("trafficPolicy") or {}
    policies = [policy, *(each.get("trafficPolicy") or {} for each in rule["spec"].get("subsets") or ())]
    for each in policies:
        yield from (one["tls"] for one in (each, *(each.get("portLevelSettings") or ())) if one.get("tls"))


def _plain_http(read: Reading, hosts: list[str]) -> Iterator[Statement]:
    """IST-6: for TLS origination, applications send HTTP in plain text."""
    origination = [
        each
        for each in read.objects("DestinationRule", _NETWORKING, None)
        if each["spec"].get("host") in hosts and any(tls.get("mode") in ("SIMPLE", "MUTUAL") for tls in _tls(each))
    ]
    asked = read.answer.host or ""
    if origination and (asked.startswith("https://") or asked.endswith(":443")):
        where = [label(each) for each in origination]
        yield stated("application-sends-tls", where, f"Applications send TLS to {asked}", "Send plain HTTP: http://")
