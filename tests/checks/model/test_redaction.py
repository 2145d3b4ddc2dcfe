"""Messages and bundles contain no secret; everything else in them is unchanged."""

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model.redaction import REDACTED, redact, redact_object
from tests.clusters.compose import named

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"

SECRETS = {
    "a bearer token in a log line": (f"GET /api Authorization: Bearer {JWT}", JWT),
    "a bare token": (f"token {JWT} expired", JWT),
    "an opaque bearer token": ("curl -H 'X: bearer 9f8e7d6c5b4a39281706'", "9f8e7d6c5b4a39281706"),
    "basic authentication": ("authorization: Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    "a password in an environment": ("DB_PASSWORD=hunter2 started", "hunter2"),
    "a password in JSON": ('{"password": "hunter2"}', "hunter2"),
    "a password in escaped JSON": (r'"{\"password\":\"hunter2\"}"', "hunter2"),
    "a storage account": ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aGVsbG8=;E=x", "aGVsbG8="),
    "a service bus": ("Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0;", "c2VjcmV0"),
    "a database": ("Server=tcp:db;Uid=sa;Pwd=hunter2;", "hunter2"),
    "a database's address": ("postgres://app:hunter2@db.example:5432/x", "hunter2"),
    "a cache's address": ("redis://:hunter2@cache:6379/0", "hunter2"),
    "a signed URL": ("https://a.blob.core.windows.net/c?sv=2024&sig=abc%2Fdef&se=2026", "abc%2Fdef"),
    "a private key": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    "a private key that was cut off": ("-----BEGIN PRIVATE KEY-----\nMIIEow", "MIIEow"),
    "a WireGuard key": ("PrivateKey = 4GgaQCy68nzNsUE5aJ9fuLzHhB65tAlwbmA72MWnOm8=", "4GgaQCy68nzNsUE5aJ9f"),
    "an Entra secret": ("AADSTS7000215: abc8Q~D1234567890abcdefghijklmnopqrstuv", "abc8Q~D1234567890"),
    "a Slack token": ("xoxb-123456789012-abcdefghijkl", "123456789012-abcdefghijkl"),
    "a code forge's token": ("ghp_" + "a1B2" * 9, "a1B2a1B2"),
    "an environment in an applied configuration": ('{"name":"API_KEY","value":"hunter 2"}', "hunter 2"),
}

ORDINARY = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Network/publicIPPrefixes/p",
    "aks-istio-egressgateway-asm-1-30-7d9f8b6c5d-x2x9z",
    "https://aks1-dns-abc.hcp.westeurope.azmk8s.io:443",
    "api.bank.example:443",
    "sgw-e293e7b6-bba0-5b59-b027-bb5c13c0204c",
    "jTLZ35ESPVAKXu7YcwlftXnUGluu9XNLk4wM8M04AAU=",
    'secret "client-credential" not found in namespace payments',
    "failed to fetch secret: payments/client-credential not found",
    "Bearer authentication is not enabled, basic authentication neither",
    "privateKeySecretRef: {kind: Secret, name: sgw-1}",
    "kubectl -n payments get secret client-credential -o jsonpath='{.data}'",
    "az aks show -g rg -n aks1 --query 'networkProfile.staticEgressGatewayProfile'",
    "tokenSecret status code=404 key: value",
    "https://host/path?code=404&key=1",
    "https://[fd00::1]:15012/x",
)


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_kept(text: str) -> None:
    assert redact(text) == text


FRAGMENTS = st.sampled_from(
    [
        *(text for text, _ in SECRETS.values()),
        *ORDINARY,
        *(
            "password=",
            "Bearer ",
            "authorization:",
            "://",
            ":",
            "@",
            "?sig=",
            "&code=",
            '"',
            "'",
            " ",
            "\n",
            "=",
            "[redacted]",
        ),
        *("-----BEGIN PRIVATE KEY-----", "eyJ", ".", "1234567890ab", "{", "}", "\\", "api_key: "),
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=12), max_size=12).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(
    st.lists(st.text(max_size=20), max_size=6),
    st.sampled_from(list(SECRETS.values())),
    st.lists(st.text(max_size=20), max_size=6),
)
def test_a_secret_is_taken_out_of_whatever_surrounds_it(
    before: list[str], secret: tuple[str, str], after: list[str]
) -> None:
    assert secret[1] not in redact("\n".join([*before, secret[0], *after]))


NAME = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", fullmatch=True)
GUID = st.uuids().map(str)


@given(NAME, NAME, NAME, GUID, st.integers(1, 65535))
def test_names_hosts_and_ids_are_kept(namespace: str, name: str, host: str, guid: str, port: int) -> None:
    for text in (
        f"Pod {namespace}/{name} on node aks-{host}-vmss000000",
        f"{host}.{namespace}.svc.cluster.local:{port}",
        f"https://{host}.example:{port}/{name}?x=1",
        f"/subscriptions/{guid}/resourceGroups/{namespace}/providers/Microsoft.Network/routeTables/{name}",
    ):
        assert redact(text) == text


def test_the_values_of_a_secret_are_removed_and_its_keys_are_kept() -> None:
    found = redact_object(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "client-credential",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"tls.key":"aGk="}}'},
            },
            "data": {"tls.crt": "aGVsbG8=", "tls.key": "aGk="},
            "stringData": {"note": "x"},
        }
    )
    assert found["data"] == {"tls.crt": REDACTED, "tls.key": REDACTED}
    assert found["stringData"] == {"note": REDACTED}
    assert b"aGk=" not in orjson.dumps(found)


def test_an_environment_variable_named_for_a_secret_loses_its_value() -> None:
    pod = {"kind": "Pod", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "value": "debug"}]}
    assert redact_object(pod)["env"] == [
        {"name": "DB_PASSWORD", "value": "[redacted]"},
        {"name": "LEVEL", "value": "debug"},
    ]


def test_a_healthy_cluster_has_nothing_to_redact() -> None:
    cluster = named("many-webhooks-and-routes")
    for manifest in cluster.objects:
        if manifest["kind"] != "Secret":
            assert redact_object(manifest) == manifest
    for raw in (cluster.managed_cluster, list(cluster.agent_pools or ()), list(cluster.resources or ())):
        assert redact_object(raw) == raw
    for text in cluster.logs.values():
        assert redact(text) == text


@pytest.mark.parametrize(
    "word", ["a", "password", "://", "eyJ", "bearer ", "-----BEGIN PRIVATE KEY-----", "a.", 'key="']
)
def test_a_long_line_takes_no_long_time(word: str) -> None:
    began = time.process_time()
    redact(word * (400_000 // len(word)))
    assert time.process_time() - began < 2


def test_an_object_is_redacted_once_and_for_all() -> None:
    for manifest in named("base").objects:
        once = redact_object(manifest)
        assert redact_object(once) == once
