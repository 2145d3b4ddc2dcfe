"""Errors of containerd about images, with their meaning and fix."""

import pytest

from checks.knowledge.pull_errors import NO_SUCH_IMAGE, pull_error, unknown_pull_error

IMAGE = "mcr.microsoft.com/aks/cni:v1"
TOKEN = "unexpected status from GET request to https://acr1.azurecr.io/oauth2/token"
OF_MICROSOFT = (
    f'Failed to pull image "{IMAGE}": failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
    'failed to do request: Head "https://mcr.microsoft.com/v2/aks/cni/manifests/v1": '
)
OWN = 'Failed to pull image "acr1.azurecr.io/app:1": failed to resolve reference "acr1.azurecr.io/app:1": '

ERRORS = {
    "dial tcp 150.171.69.10:443: i/o timeout": "cannot reach",
    "net/http: TLS handshake timeout": "cannot reach",
    "EOF": "closes",
    "read tcp 10.1.0.4:51234->150.171.69.10:443: read: connection reset by peer": "closes",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "does not trust",
    "x509: certificate is valid for proxy.corp.example, not mcr.microsoft.com": "does not trust",
    "x509: certificate has expired or is not yet valid: current time 2026-11-16": "not valid now",
    "tls: first record does not look like a TLS handshake": "TLS handshake fails",
    "dial tcp: lookup mcr.microsoft.com on 168.63.129.16:53: no such host": "cannot resolve",
    "dial tcp: lookup mcr.microsoft.com on 10.0.0.4:53: read udp 10.1.0.4:33->10.0.0.4:53: i/o timeout": "cannot resolve",
    "proxyconnect tcp: dial tcp 10.9.0.4:3128: connect: connection refused": "cannot reach its HTTP proxy",
    "proxyconnect tcp: 407 Proxy Authentication Required": "the proxy refuses",
    "unexpected status from HEAD request: 403 Forbidden": "a firewall or proxy refuses",
    "unexpected status from HEAD request: 503 Service Unavailable": "answers with an error",
    "write /var/lib/containerd/x: no space left on device": "disk is full",
}


@pytest.mark.parametrize("error", ERRORS)
def test_the_error_of_a_request_decides(error: str) -> None:
    found = pull_error(OF_MICROSOFT + error)
    assert found is not None
    assert ERRORS[error] in found.meaning
    assert "AcrPull" not in found.fix


def test_a_redirected_request_names_the_data_host_and_all_hosts_that_are_needed() -> None:
    found = pull_error(
        f'Failed to pull image "{IMAGE}": failed to do request: Get "https://weu.data.mcr.microsoft.com/01": EOF'
    )
    assert found is not None
    assert found.meaning.endswith("weu.data.mcr.microsoft.com")
    assert "mcr.microsoft.com and *.data.mcr.microsoft.com" in found.fix


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (f"{TOKEN}: 401 Unauthorized", "AcrPull"),
        (f"{TOKEN}: 403 Forbidden: denied: client with IP 20.1.2.3 is not allowed access", "network rules"),
    ],
)
def test_only_a_registry_of_the_user_refuses_an_identity_or_an_address(error: str, fix: str) -> None:
    found = pull_error(OWN + error)
    assert found is not None
    assert fix in found.fix


def test_names_decide_nothing() -> None:
    image = "acr1.azurecr.io/eof/not-found:403"
    assert pull_error(f'Failed to pull image "{image}": failed to resolve reference "{image}": strange') is None
    found = pull_error(f'Failed to pull image "{image}": failed to resolve reference "{image}": {image}: not found')
    assert found is not None
    assert found.meaning == NO_SUCH_IMAGE


def test_an_unknown_error_is_quoted() -> None:
    assert pull_error(OF_MICROSOFT + "a new error") is None
    found = unknown_pull_error(OF_MICROSOFT + "a new error")
    assert found is not None
    assert found.meaning == "the error is: a new error"
    assert "mcr.microsoft.com" in found.fix


@pytest.mark.parametrize(
    "message", ["Error: ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', "Readiness probe failed: EOF"]
)
def test_a_message_without_an_error_of_a_pull_is_none(message: str) -> None:
    assert pull_error(message) is None
    assert unknown_pull_error(message) is None
