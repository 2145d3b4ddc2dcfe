"""EG511: the Secret of a credentialName is not in the gateway's namespace, or is unusable."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from checks.engine.check import check
from checks.engine.route_findings import decided_by_router
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule
from checks.facts.logs import IstiodLog, Line
from checks.facts.namespaces import Secret
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import configured_hosts, examined_hosts, nothing_configured, server_hosts
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.gateway_clusters import gateway_clusters
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.fixes.secrets import AUTHORITY, PAIR, fill_secret
from checks.istio.fixes.tls_settings import tls_place
from checks.knowledge.istiod_logs import CREDENTIALS
from checks.knowledge.proxy_logs import LogLine
from checks.model.commands import ISTIO_TLSO, change, inspect, kubectl
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment, text

_FILES = ("clientCertificate", "privateKey", "caCertificates")


@decided_by_router
@check(
    code="EG511",
    title="The Secret of a credentialName is missing or unusable",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-5",),
    reads=(*ROUTER_READS, IstiodLog),
    explains={
        "proxy-configuration-rejected": "a listener or cluster without its Secret never finishes warming",
        "traffic-failing": "the gateway has no certificate for the TLS connection",
    },
)
def credential_secret_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: each `credentialName` of the DestinationRules that apply at the gateway and of the gateway's servers:
    whether the Secret is in the gateway's namespace, has a type that istiod reads, and has the required keys, if keys are
    readable. It also fails if istiod's log shows that it rejected the Secret. Certificate files instead of a Secret warn: the
    add-on's pods have no such mounts. From a cluster only the metadata of Secrets is read, not their content.

    Why it matters: without the Secret the listener or cluster of the proxy never finishes warming, and every request
    through it gets 503.

    What usually fixes it: creating the Secret in the gateway's namespace, with tls.crt, tls.key and ca.crt.

    Source: article IST-5; Istio's page on egress TLS origination; docs/domain/istio.md#credential-name."""
    uses = tuple(_uses(facts))
    yield from (each for use in uses if (each := _rejected(facts, use)) is not None)
    yield from (_files(use) for use in uses if use.files)
    require_settings(facts)
    if not examined_hosts(facts):
        yield skip(nothing_configured(facts))
    elif not uses:
        yield skip(f"No object for the hosts of {facts.gateway.ref} names a credential.")
    elif named := [each for each in uses if each.secret]:
        yield healthy(_passed(facts, named))


@dataclass(frozen=True, slots=True)
class _Use:
    """The TLS settings of an object that need a Secret or files."""

    owner: KubernetesObject
    path: str
    mode: str
    secret: str
    files: tuple[str, ...]
    hosts: tuple[str, ...]


def _uses(facts: Facts) -> Iterator[_Use]:
    """The credentials of the gateway's clusters and servers."""
    for found in gateway_clusters(facts):
        place, tls = tls_place(found.cluster), found.cluster.policy.get("tls")
        name, files = text(tls, "credentialName"), tuple(each for field in _FILES if (each := text(tls, field)))
        mode = text(tls, "mode").upper()
        if place is not None and mode in ("SIMPLE", "MUTUAL") and (name or files):
            yield _Use(*place, mode, _bare(name), () if name else files, found.hosts)
    hosts = examined_hosts(facts)
    for server in configured_hosts(facts).servers:
        name, own = text(server.server.tls, "credentialName"), server_hosts(server)
        mine = tuple(each for each in hosts if each in own or any(name.startswith("*") for name in own))
        if name and server.mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and mine:
            yield _Use(server.written, server.field("tls"), server.mode, _bare(name), (), mine)


def _bare(credential: str) -> str:
    """The name of the Secret."""
    return credential.removeprefix("kubernetes://").rpartition("/")[2]


def _passed(facts: Facts, uses: list[_Use]) -> str:
    names = ", ".join(dict.fromkeys(f"Secret {facts.gateway.namespace}/{use.secret}" for use in uses))
    unread = [use for use in uses if _keys_unread(facts, use.secret)]
    needed = next((use for use in unread if "MUTUAL" in use.mode and not _exists(facts, f"{use.secret}-cacert")), None)
    authority = f"; mode {needed.mode} needs ca.crt in it, or Secret {needed.secret}-cacert" if needed else ""
    return f"{names} exist{'' if ',' in names else 's'}{f' (keys not read{authority})' if unread else ''}."


def _exists(facts: Facts, secret: str) -> bool:
    return facts.get(Secret, secret, facts.gateway.namespace) is not None


def _keys_unread(facts: Facts, secret: str) -> bool:
    found = facts.get(Secret, secret, facts.gateway.namespace)
    return found is not None and found.keys is None


def _rejected(facts: Facts, use: _Use) -> Observation | None:
    """A failure if istiod rejected the Secret after its last change.

    Source: docs/rulings.md#ruling-20.
    """
    secret = facts.get(Secret, use.secret, facts.gateway.namespace) if use.secret else None
    found = _newest(facts, use.secret) if secret is not None else None
    if secret is None or found is None:
        return None
    line, log, meaning = found
    times = [each for raw in secret.managed_fields if (each := moment(raw, "time")) is not None]
    written = max(times, default=secret.created)
    if line.at is None or written is None or line.at <= written or secret.namespace not in line.message:
        return None
    return fail(
        f"Istiod does not deliver {secret.ref}, because {meaning.meaning}: requests to {', '.join(use.hosts)} get 503.",
        subject=secret.ref,
        evidence=[
            Evidence(log, "newest line about the Secret", line.message),
            Evidence(use.owner.ref, f"{use.path}.credentialName", use.secret),
        ],
        actions=[
            inspect("List the Secrets of the namespace", kubectl("get", "secrets", namespace=secret.namespace)),
            fill_secret(secret, _needed(use), server=not isinstance(use.owner, DestinationRule), renewed=True),
        ],
        about=[Involved("host", each) for each in use.hosts],
    )


def _needed(use: _Use) -> tuple[str, ...]:
    """The keys that the credential needs.

    A server needs the key pair, a client the CA; with mutual TLS both need both.
    """
    mutual, client = "MUTUAL" in use.mode, isinstance(use.owner, DestinationRule)
    return (*(PAIR if mutual or not client else ()), *((AUTHORITY,) if mutual or client else ()))


def _newest(facts: Facts, name: str) -> tuple[Line, str, LogLine] | None:
    """Istiod's newest log line about a credential of this name.

    The result also has the log and the line's meaning.
    """
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    lines = [
        (line, log.ref, meaning)
        for log in facts.readable(IstiodLog, ROOT_NAMESPACE)
        for line in log.matching(word)
        if (meaning := next((row for row in CREDENTIALS if row.pattern.search(line.message)), None)) is not None
    ]
    return max(lines, key=lambda found: (str(found[0].at), found[1]), default=None)


def _files(use: _Use) -> Observation:
    return warn(
        f"{use.path} of {use.owner.ref} names certificate files, which cannot be mounted into the add-on's gateway pods.",
        subject=use.owner.ref,
        evidence=[Evidence(use.owner.ref, use.path, ", ".join(use.files), "credentialName")],
        actions=[
            inspect(
                "Show the files that DestinationRules name",
                kubectl("get", "destinationrules.networking.istio.io", "-A", "-o", "yaml"),
            ),
            change("Create a Secret from the certificates and name it in credentialName", "", ISTIO_TLSO),
        ],
        about=[Involved("host", each) for each in use.hosts],
    )
