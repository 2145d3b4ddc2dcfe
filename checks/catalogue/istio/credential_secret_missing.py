"""EG511: the Secret of a credentialName is not in the gateway's namespace, or is unusable."""

import re
from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.changes import JsonPatch
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.logs import IstiodLog, Line
from checks.facts.namespaces import Secret
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import pointer, show
from checks.istio.route.credentials import UNWATCHED, Use, lacking_keys, uses
from checks.istio.route.visibility import settle
from checks.knowledge.istio_logs import CREDENTIALS, LogLine
from checks.model.commands import ISTIO_TLSO, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment


@check(
    code="EG511",
    title="The Secret of a credentialName is missing or unusable",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-5",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, ServiceEntry, DestinationRule, Secret, IstiodLog), *ROUTER_READS))),
    explains={
        "proxy-configuration-rejected": "a listener or cluster without its Secret never finishes warming",
    },
)
@decided_by_router("credential-secret-missing")
def credential_secret_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: each `credentialName` of the DestinationRules that apply at the gateway and of the gateway's servers:
    whether the Secret is in the gateway's namespace, has a type that istiod reads, and has the required keys, if keys are
    readable. Certificate files instead of a Secret warn: the add-on's pods have no such mounts. From a cluster only the
    metadata of Secrets is read, not their content.

    Why it matters: without the Secret the listener or cluster of the proxy never finishes warming, and every request
    through it gets 503.

    What usually fixes it: creating the Secret in the gateway's namespace, with tls.crt, tls.key and ca.crt.

    Source: article IST-5; Istio's page on egress TLS origination; docs/domain/istio.md#credential-name."""
    for kind in (DestinationRule, ServiceEntry, Gateway, VirtualService):
        facts.all(kind)
    found = configuration(facts)
    hosts = judged(facts)
    needed: dict[tuple[str, str], list[Use]] = {}
    for host in hosts:
        for use in uses(facts, found, host):
            needed.setdefault((use.name, use.owner if use.files else ""), []).append(use)
    broken = [seen for each in needed.values() if (seen := _judge(facts, each)) is not None]
    yield from broken
    settle(facts)
    facts.readable(IstiodLog, ROOT_NAMESPACE)
    if broken:
        return
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not needed:
        yield skip(f"No object for the hosts of {facts.gateway.ref} names a credential.")
    else:
        yield healthy(_passed(facts, [each[0] for each in needed.values()]))


def _passed(facts: Facts, needed: list[Use]) -> str:
    names = ", ".join(dict.fromkeys(f"Secret {facts.gateway.namespace}/{use.secret}" for use in needed))
    secrets = [facts.get(Secret, use.secret, facts.gateway.namespace) for use in needed]
    unread = any(each is not None and each.keys is None for each in secrets)
    return f"{names} exist{'' if ',' in names else 's'}{' (keys not read)' if unread else ''}."


def _judge(facts: Facts, users: list[Use]) -> Observation | None:
    use, namespace = users[0], facts.gateway.namespace
    if use.files:
        return _files(users)
    secret = facts.get(Secret, use.secret, namespace)
    if secret is None:
        return _absent(facts, users)
    named = f"Secret {namespace}/{use.secret}"
    if secret.type in UNWATCHED:
        observed = secret.type
        sentence = f"{named} has type {secret.type}, which istiod does not read"
        return _failed(facts, users, sentence, Evidence(named, "type", observed, "Opaque or kubernetes.io/tls"))
    beside = facts.get(Secret, f"{use.secret}-cacert", namespace) is not None
    if lacking := lacking_keys(secret, use, beside):
        keys = ", ".join(secret.keys or ()) or "(none)"
        sentence = f"{named} lacks keys {lacking} (or they are empty), which {use.path} of {use.owner} needs"
        return _failed(facts, users, sentence, Evidence(named, "data", keys, lacking))
    return _rejected(facts, users, secret)


def _absent(facts: Facts, users: list[Use]) -> Observation:
    use, namespace = users[0], facts.gateway.namespace
    if "/" in use.secret:
        return _prefixed(facts, users)
    elsewhere = [each for each in facts.all(Secret) if each.name == use.secret]
    named = f"Secret {namespace}/{use.secret}"
    where = ", ".join(sorted(each.namespace for each in elsewhere))
    sentence = f"{named} does not exist, but {use.owner} names it"
    if elsewhere:
        sentence = f"{named} does not exist, but {use.owner} names it; namespace {where} has a Secret of that name"
    observed = f"(only in {where})" if elsewhere else "(does not exist)"
    return _failed(facts, users, sentence, Evidence(named, "metadata.name", observed, f"in namespace {namespace}"))


def _prefixed(facts: Facts, users: list[Use]) -> Observation:
    """A finding for a namespace in a credentialName.

    Istiod reads the whole value as the name of a Secret.
    """
    use, namespace = users[0], facts.gateway.namespace
    bare = use.secret.rpartition("/")[2]
    patch = JsonPatch(use.thing, ({"op": "add", "path": pointer(f"{use.path}.credentialName"), "value": bare},))
    return fail(
        f"{use.owner} names credential {use.name}, which istiod reads as the name of a Secret in {namespace}: requests to "
        f"{use.host} get 503.",
        subject=use.owner,
        evidence=[Evidence(use.owner, f"{use.path}.credentialName", use.name, bare), *_log_evidence(facts, use)],
        actions=[show(use.thing), change(f"Patch credentialName to {bare}", patch.command, ISTIO_TLSO)],
        about=about({each.host for each in users}),
    )


def _failed(facts: Facts, users: list[Use], sentence: str, evidence: Evidence) -> Observation:
    use, namespace = users[0], facts.gateway.namespace
    named = [Evidence(each.owner, f"{each.path}.credentialName", each.name) for each in _distinct(users)]
    return fail(
        f"{sentence}: requests to {', '.join(dict.fromkeys(each.host for each in users))} get 503.",
        subject=f"Secret {namespace}/{use.secret}",
        evidence=list(dict.fromkeys((evidence, *named, *_log_evidence(facts, use)))),
        actions=[
            inspect("List the Secrets of the namespace", kubectl("get", "secrets", namespace=namespace)),
            _create(facts, use),
        ],
        about=about({each.host for each in users}),
    )


def _distinct(users: list[Use]) -> list[Use]:
    return list({(each.owner, each.path): each for each in users}.values())[:5]


def _create(facts: Facts, use: Use) -> Action:
    pair = (
        []
        if use.mode == "SIMPLE" and not use.receiving
        else ["--from-file=tls.crt=client.crt", "--from-file=tls.key=client.key"]
    )
    words = ["create", "secret", "generic", use.secret, *pair, "--from-file=ca.crt=ca.crt"]
    return change(
        f"Create Secret {use.secret} from your certificate files (first delete a wrong Secret of that name)",
        kubectl(*words, namespace=facts.gateway.namespace),
        ISTIO_TLSO,
        "istiod delivers the Secret within seconds, without a restart",
    )


def _log_evidence(facts: Facts, use: Use) -> list[Evidence]:
    """Istiod's newest log line about the Secret (docs/rulings.md#ruling-20)."""
    line = _newest(facts, use.secret)
    return [Evidence(line[1], "newest line about the Secret", line[0].message)] if line else []


def _newest(facts: Facts, name: str) -> tuple[Line, str, LogLine] | None:
    """Istiod's newest log line about a credential of this name.

    The result contains the line, its log and its meaning.
    """
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    lines = [
        (line, log.ref, meaning)
        for log in facts.readable(IstiodLog, ROOT_NAMESPACE)
        for line in log.matching(word)
        if (meaning := next((row for row in CREDENTIALS if row.pattern.search(line.message)), None)) is not None
    ]
    return max(lines, key=lambda found: (str(found[0].at), found[1]), default=None)


def _rejected(facts: Facts, users: list[Use], secret: Secret) -> Observation | None:
    """A failure if istiod rejected the Secret after its last change."""
    found = _newest(facts, users[0].secret)
    if found is None:
        return None
    line, log, meaning = found
    times = [each for raw in secret.managed_fields if (each := moment(raw, "time")) is not None]
    written = max(times, default=secret.created)
    if line.at is None or written is None or line.at <= written or secret.namespace not in line.message:
        return None
    return _failed(
        facts,
        users,
        f"Istiod does not deliver {secret.ref}, because {meaning.meaning}",
        Evidence(log, "newest line about the Secret", line.message),
    )


def _files(users: list[Use]) -> Observation:
    use = users[0]
    return warn(
        f"{use.path} of {use.owner} names certificate files, which cannot be mounted into the add-on's gateway pods.",
        subject=use.owner,
        evidence=[Evidence(use.owner, use.path, ", ".join(use.files), "credentialName")],
        actions=[
            inspect(
                "Show the files that DestinationRules name",
                kubectl("get", "destinationrules.networking.istio.io", "-A", "-o", "yaml"),
            ),
            change("Create a Secret from the certificates and name it in credentialName", "", ISTIO_TLSO),
        ],
        about=about({each.host for each in users}),
    )
