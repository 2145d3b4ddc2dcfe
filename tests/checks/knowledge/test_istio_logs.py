"""Known log lines of proxies and istiod, as both formats write them."""

import pytest

from checks.facts.logs import IstiodLog, ProxyLog
from checks.knowledge.istiod_logs import CREDENTIALS, MERGE, PRIVILEGED_PORT, Rejection, pushed, rejection
from checks.knowledge.proxy_logs import (
    NOT_READY_REASONS,
    certificate_failure,
    readiness,
    readiness_failures,
    why_not_ready,
)

READY = "2026-11-23T09:00:01.000000Z\tinfo\tEnvoy proxy is ready"
NO_CONFIGURATION = (
    "2026-11-23T09:00:01.000000Z\twarn\tEnvoy proxy is NOT ready: config not received from XDS server (is Istiod running?): "
    "cds updates: 0 successful, 0 rejected; lds updates: 0 successful, 0 rejected"
)
NOT_SIGNED = (
    "2026-11-23T09:00:02.000000Z\twarn\tsds\tfailed to warm certificate: failed to generate workload certificate: "
    "create certificate: rpc error: code = Internal desc = CSR signing error (certificate has expired)"
)
SIGNED = (
    "2026-11-23T09:00:03.000000Z\tinfo\tcache\tgenerated new workload certificate\tresourceName=default latency=33ms"
)


def proxy(*lines: str) -> ProxyLog:
    return ProxyLog({"namespace": "team-egress", "pod": "egw-1", "container": "istio-proxy", "text": "\n".join(lines)})


@pytest.mark.parametrize(
    ("line", "pod"),
    [
        (
            "warn\tdelta\tADS:LDS: ACK ERROR egw-asm-1-29-abc.team-egress-3 Internal:Error adding listener(s) 0.0.0.0_80: x",
            ("team-egress", "egw-asm-1-29-abc"),
        ),
        ("ADS:CDS: ACK ERROR web-7c5-x.shop-2-41 Internal:no", ("shop-2", "web-7c5-x")),
        ("warn\tads\tADS:SDS: ACK ERROR egw-1.aks-istio-egress-12 InvalidArgument:x: y", ("aks-istio-egress", "egw-1")),
    ],
)
def test_a_rejection_names_the_pod_of_its_connection(line: str, pod: tuple[str, str]) -> None:
    found = rejection(line)
    assert found is not None
    assert found.pod == pod


def test_a_rejection_has_the_reason_of_envoy() -> None:
    found = rejection("ADS:RDS: ACK ERROR egw-1.team-egress-3 Internal:route: unknown cluster 'outbound|443||x.com'")
    assert found == Rejection(
        ("team-egress", "egw-1"), "RDS", "Internal", "route: unknown cluster 'outbound|443||x.com'"
    )
    assert found.resources == "routes"


def test_json_logs_have_the_same_content() -> None:
    written = (
        '{"level":"warn","time":"2026-11-23T09:00:01Z","scope":"delta","msg":"ADS:LDS: ACK ERROR egw-1.team-egress-3 '
        'Internal:Error adding listener \\"0.0.0.0_80\\""}'
    )
    log = IstiodLog({"namespace": "aks-istio-system", "pod": "istiod", "container": "discovery", "text": written})
    found = rejection(log.lines[0].message)
    assert found == Rejection(("team-egress", "egw-1"), "LDS", "Internal", 'Error adding listener "0.0.0.0_80"')


@pytest.mark.parametrize("line", ["ADS:LDS: ACK ERROR", "ADS:LDS: ACK ERROR no-connection-id Internal:x", READY, ""])
def test_a_line_without_a_proxy_is_not_a_rejection(line: str) -> None:
    assert rejection(line) is None


def test_full_and_incremental_pushes_are_parsed() -> None:
    assert pushed("info\tads\tLDS: PUSH for node:egw-1.team-egress resources:5 size:12.3kB") == (
        ("team-egress", "egw-1"),
        "LDS",
    )
    assert pushed("CDS: PUSH INC for node:egw-1.team-egress resources:1") == (("team-egress", "egw-1"), "CDS")
    assert pushed("ads\tPush debounce stable[311] 2 for config ServiceEntry/a/b") is None


def test_the_newest_line_about_readiness_applies() -> None:
    ready, not_ready = (
        readiness(proxy(NO_CONFIGURATION, READY)),
        readiness(proxy(READY, NO_CONFIGURATION, "something else")),
    )
    assert ready is not None
    assert ready.ready
    assert not_ready is not None
    assert not_ready.reason == "config not received from XDS server (is Istiod running?)"
    assert readiness(proxy("[2026-11-23T09:51:24.019Z] GET")) is None


@pytest.mark.parametrize("row", NOT_READY_REASONS, ids=lambda row: row.meaning)
def test_every_known_reason_has_a_fix(row: object) -> None:
    assert row in NOT_READY_REASONS
    assert getattr(row, "fix", "")


def test_an_unknown_reason_is_shown_unchanged() -> None:
    assert why_not_ready("the moon (full) is up").meaning == "the moon (full) is up"


def test_failures_have_the_newest_line_of_each_kind() -> None:
    first = (
        "2026-11-23T09:00:01.0Z\terror\txdsproxy\tfailed to connect to upstream istiod-a.aks-istio-system.svc:15012: x"
    )
    second = first.replace("09:00:01", "09:10:01")
    found = readiness_failures(
        proxy(first, NOT_SIGNED, second, "StreamAggregatedResources gRPC config stream closed: 14, x")
    )
    assert [(row.fault, line.text) for row, line in found][1] == ("istiod-unhealthy", second)
    assert [row.fault for row, _ in found] == ["workload-certificate-failing", "istiod-unhealthy", "istiod-unhealthy"]


def test_a_certificate_issued_after_a_failure_is_no_failure() -> None:
    assert certificate_failure(proxy(NOT_SIGNED, SIGNED)) is None
    assert certificate_failure(proxy(NOT_SIGNED, READY)) is None
    failing = certificate_failure(proxy(READY, SIGNED, NOT_SIGNED))
    assert failing is not None
    assert failing.text == NOT_SIGNED


@pytest.mark.parametrize(
    "line",
    [
        "failed to fetch key and certificate for kubernetes://client-cred: secret team-egress/client-cred not found",
        "failed to fetch ca certificate for kubernetes://client-cred-cacert: secret not found",
        "found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key); found: a",
        'found keys "cert" and "key", but they were empty',
        "egw/team-egress is not authorized to read secrets: forbidden",
        "proxy egw-1.team-egress attempted to access unauthorized certificates default",
        "proxy egw-1.team-egress is not authorized to receive credscontroller. Ensure you are connecting over TLS port",
        'invalid certificates: team-egress/cred "kubernetes://cred": certificate is expired or not yet valid',
    ],
)
def test_lines_about_credentials_are_known(line: str) -> None:
    assert any(row.pattern.search(line) for row in CREDENTIALS)
    assert not any(row.pattern.search(line) for row in MERGE)


@pytest.mark.parametrize(
    ("line", "gateway"),
    [
        ("skipping server on gateway egw-plain port http.80.HTTP: conflict with existing server 80.HTTP", "egw-plain"),
        ("skipping server on gateway team-egress/egw, duplicate host names: [x.com]", "team-egress/egw"),
        (
            "skipping VirtualService a/b rule #0 on server port 443 of gateway team-egress/egw, duplicate SNI host names: [x]",
            "team-egress/egw",
        ),
    ],
)
def test_lines_about_conflicting_gateways_name_the_gateway(line: str, gateway: str) -> None:
    found = [match["gateway"] for row in MERGE if (match := row.pattern.search(line))]
    assert found == [gateway]


def test_a_port_that_the_pod_may_not_bind() -> None:
    line = "buildGatewayListeners: skipping privileged gateway port 80 for node egw-1.team-egress as it is an unprivileged pod"
    found = PRIVILEGED_PORT.pattern.search(line)
    assert found is not None
    assert (found["port"], found["proxy"]) == ("80", "egw-1.team-egress")
