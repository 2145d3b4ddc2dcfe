"""The login with an Entra identity, over a stand-in for Entra and a real Redis with TLS."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
import redis
import trustme

from bot.sandbox import RateLimits, SandboxServer
from checks.config.bad_setting import BadSetting
from checks.doctor.requirement_lines import DoctorOptions, State
from tests.clusters.compose import named, write_bundle
from tests.loopback.azure import LOGIN, TENANT, AzureServer
from tests.loopback.faults import Fault
from tests.redis_server import RedisServer, find_free_port
from tests.system import PATIENT, System, complete, whole_thread
from workers.doctor.part import workers
from workers.queue.connection import quick_connection, redis_problem
from workers.queue.entra_login import REDIS_SCOPE, NoEntraToken
from workers.queue.settings import WorkerSettings

IDENTITY = "33333333-3333-3333-3333-333333333333"


@dataclass(slots=True)
class EntraUser:
    """A Redis whose only user is an identity, with the issued tokens as passwords."""

    server: RedisServer
    url: str
    seconds: int = 3600
    """The time for which a token is valid."""
    issued: list[str] = field(default_factory=list)

    def issue(self) -> str:
        """A new token, which Redis accepts from now on."""
        claims = {"oid": IDENTITY, "exp": int(time.time()) + self.seconds, "jti": str(len(self.issued))}
        token = jwt.encode(claims, "0" * 32, algorithm="HS256")
        self.issued.append(token)
        with redis.Redis(port=self.server.port, username="root", password="root") as admin:
            admin.execute_command("ACL", "SETUSER", IDENTITY, "on", f">{token}", "~*", "+@all")
        return token

    def logins(self) -> list[str]:
        """The users of the open connections."""
        with redis.Redis(port=self.server.port, username="root", password="root", decode_responses=True) as admin:
            return [each["user"] for each in admin.client_list()]


@pytest.fixture
def user(tmp_path: Path) -> Iterator[EntraUser]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "server.pem").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
    (tmp_path / "server.key").write_bytes(certificate.private_key_pem.bytes())
    port = find_free_port()
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(tmp_path / "server.pem"),
        "tls-key-file": str(tmp_path / "server.key"),
        "tls-ca-cert-file": str(tmp_path / "ca.pem"),
        "tls-auth-clients": "no",
    }
    server = RedisServer(tmp_path, options=options)
    try:
        server.start()
    except RuntimeError:
        pytest.skip("this server has no TLS")
    with redis.Redis(port=server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "root", "on", ">root", "~*", "&*", "+@all")
        admin.execute_command("ACL", "SETUSER", "default", "off")
    yield EntraUser(server, f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}")
    server.kill()


def variables(user: EntraUser, azure: AzureServer, folder: Path) -> dict[str, str]:
    return {**azure.environment(folder), "REDIS_URL": user.url, "REDIS_AUTH": "entra"}


@pytest.fixture
def entra(user: EntraUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    """Entra, with the environment of a process with the identity."""
    with AzureServer(named("base"), tokens={REDIS_SCOPE: user.issue}) as azure:
        for name, value in variables(user, azure, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield azure


@pytest.fixture
def signed_in(user: EntraUser, entra: AzureServer) -> EntraUser:
    del entra
    return user


def test_a_connection_signs_in_as_the_identity_with_its_token(signed_in: EntraUser) -> None:
    with quick_connection(WorkerSettings().redis_url) as client:
        assert client.acl_whoami() == IDENTITY
        client.set("egress-diag:a", "1")
    assert len(signed_in.issued) == 1


def test_doctor_names_the_login(signed_in: EntraUser) -> None:
    lines = {line.requirement.name: line for line in workers(DoctorOptions())}
    assert (lines["redis-password"].state, lines["redis-password"].observed) == (State.PASSED, "Entra token accepted")


def test_an_open_connection_gets_new_tokens(user: EntraUser, entra: AzureServer) -> None:
    """Tokens that are valid for three seconds: the library renews them after 70 % of this time."""
    user.seconds = entra.token_seconds = 3
    with quick_connection(WorkerSettings().redis_url) as client:
        number = client.client_id()
        deadline = time.monotonic() + 30
        while len(user.issued) < 3:
            assert time.monotonic() < deadline
            client.ping()
            time.sleep(0.1)
        time.sleep(0.2)
        assert (client.acl_whoami(), client.client_id()) == (IDENTITY, number)
    with redis.Redis(port=user.server.port, username="root", password="root") as admin:
        assert admin.info("commandstats")["cmdstat_auth"]["calls"] >= 1


@pytest.mark.parametrize("token", ["no token", "a.b.c"])
def test_a_malformed_token_is_reported(token: str, user: EntraUser, entra: AzureServer) -> None:
    entra.tokens = {REDIS_SCOPE: lambda: token}
    with quick_connection(WorkerSettings().redis_url) as client, pytest.raises(NoEntraToken):
        client.ping()
    assert user.issued == []


def test_without_a_token_redis_reports_the_reason(
    user: EntraUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Fault(
        f"{LOGIN}/{TENANT}/oauth2/v2.0/token", status=401, message="AADSTS7000215: Invalid client secret provided"
    )
    with AzureServer(named("base"), faults=[refused]) as azure:
        for name, value in variables(user, azure, tmp_path).items():
            monkeypatch.setenv(name, value)
        with quick_connection(WorkerSettings().redis_url) as client, pytest.raises(NoEntraToken) as raised:
            client.ping()
        lines = {line.requirement.name: line for line in workers(DoctorOptions())}
    assert redis_problem(raised.value).reason == "needs an Entra token, and Entra issued none"
    assert lines["redis-password"].state is State.FAILED
    assert "no Entra token for Redis" in lines["redis-password"].observed


def test_a_token_is_not_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("REDIS_AUTH", "entra")
    with pytest.raises(BadSetting, match='REDIS_AUTH is "entra"; expected password, or entra with a rediss:// address'):
        WorkerSettings()


def test_user_and_password_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://bot:old@redis.example:10000/0")
    monkeypatch.setenv("REDIS_PASSWORD", "old")
    monkeypatch.setenv("REDIS_AUTH", "entra")
    parts = urlsplit(WorkerSettings().redis_url)
    assert (parts.username, parts.password, parts.netloc) == (None, None, "redis.example:10000")
    assert "ssl_cert_reqs=required" in parts.query


@pytest.mark.slow
def test_the_whole_system_signs_in_with_an_identity(user: EntraUser, tmp_path: Path) -> None:
    write_bundle(named("base"), tmp_path / "bundle")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"clusters: [{{name: replay, bundle: '{tmp_path}/bundle'}}]\n"
        "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
    )
    with (
        AzureServer(named("base"), tokens={REDIS_SCOPE: user.issue}) as azure,
        SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
        System(tmp_path, user.server, slack, config, environment=variables(user, azure, tmp_path)) as system,
    ):
        slack.say("/egress-diag replay team-egress/egw")
        system.wait(lambda: complete(whole_thread(slack)), 120, "no thread")
        # Before its sign-in, a new connection is for a moment that of the user `default`.
        system.wait(lambda: set(user.logins()) == {IDENTITY, "root"}, 30, "a connection is not signed in")
        logs = "".join(system.log(name) for name in system.processes)
    assert not [token for token in user.issued if token in logs]
