"""EG511."""

import re
from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.logs import IstiodLog, Line
from checks.facts.namespaces import Secret
from checks.facts.view import Facts
from checks.istio.route.carried import HOST_READS, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import Edit, pointer, show
from checks.istio.route.credentials import UNWATCHED, Use, lacking_keys, uses
from checks.istio.route.visibility import settle
from checks.knowledge.istio_logs import CREDENTIALS, LogLine
from checks.model.commands import ISTIO_TLSO, change, kubectl, look
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment


@check(
    code="EG511",
    title="The Secret of a credentialName is not where the gateway fetches it",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-5",),
    reads=(*HOST_READS, ServiceEntry, DestinationRule, Secret, IstiodLog),
    explains={
        "proxy-configuration-rejected": "a listener or cluster whose Secret does not come never finishes warming",
    },
)
def credential_secret_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: each `credentialName` of a DestinationRule that counts at the gateway, and of the gateway's servers,
    and whether that Secret is in the gateway's namespace, with the keys that it needs where keys could be read, and of a
    type that istiod looks at. Certificate files in the place of a Secret warn: the add-on's pods have no such mounts. Only
    metadata of Secrets is read from a cluster, so that what is in them is not looked at.

    Why it matters: without the Secret the proxy never finishes the listener or cluster, and every request through it gets
    503.

    What usually fixes it: create the Secret in the gateway's namespace, with tls.crt, tls.key and ca.crt.

    Source: article IST-5; Istio's page on egress TLS origination; domain.md 5.2.10."""
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
        yield skip(f"Nothing that {facts.gateway.ref} carries names a credential.")
    else:
        yield healthy(_passed(facts, [each[0] for each in needed.values()]))


def _passed(facts: Facts, needed: list[Use]) -> str:
    names = ", ".join(dict.fromkeys(f"Secret {facts.gateway.namespace}/{use.secret}" for use in needed))
    secrets = [facts.get(Secret, use.secret, facts.gateway.namespace) for use in needed]
    unseen = any(each is not None and each.keys is None for each in secrets)
    return f"{names} exist{'' if ',' in names else 's'}{', keys not looked at' if unseen else ''}."


def _judge(facts: Facts, uses_: list[Use]) -> Observation | None:
    use, namespace = uses_[0], facts.gateway.namespace
    if use.files:
        return _files(uses_)
    secret = facts.get(Secret, use.secret, namespace)
    if secret is None:
        return _absent(facts, uses_)
    named = f"Secret {namespace}/{use.secret}"
    if secret.type in UNWATCHED:
        observed = secret.type
        sentence = f"{named} has type {secret.type}, at which istiod does not look"
        return _failed(facts, uses_, sentence, Evidence(named, "type", observed, "Opaque or kubernetes.io/tls"))
    beside = facts.get(Secret, f"{use.secret}-cacert", namespace) is not None
    if lacking := lacking_keys(secret, use, beside):
        keys = ", ".join(secret.keys or ()) or "(none)"
        sentence = f"{named} lacks the keys {lacking} (or they are empty), which {use.path} of {use.owner} needs"
        return _failed(facts, uses_, sentence, Evidence(named, "data", keys, lacking))
    return _refused(facts, uses_, secret)


def _absent(facts: Facts, uses_: list[Use]) -> Observation:
    use, namespace = uses_[0], facts.gateway.namespace
    if "/" in use.secret:
        return _prefixed(facts, uses_)
    elsewhere = [each for each in facts.all(Secret) if each.name == use.secret]
    named = f"Secret {namespace}/{use.secret}"
    where = ", ".join(sorted(each.namespace for each in elsewhere))
    sentence = f"{use.owner} names the credential {use.name}, and there is no {named}"
    if elsewhere:
        sentence = (
            f"{use.owner} names the credential {use.name}, which lies in namespace {where} and not in {namespace}"
        )
    observed = f"(in {where} only)" if elsewhere else "(does not exist)"
    return _failed(facts, uses_, sentence, Evidence(named, "metadata.name", observed, f"in namespace {namespace}"))


def _prefixed(facts: Facts, uses_: list[Use]) -> Observation:
    """A namespace in a credentialName: istiod takes the whole for the name of a Secret beside the gateway."""
    use, namespace = uses_[0], facts.gateway.namespace
    bare = use.secret.rpartition("/")[2]
    patch = Edit(use.thing, ({"op": "add", "path": pointer(f"{use.path}.credentialName"), "value": bare},))
    return fail(
        f"{use.owner} names the credential {use.name}, but istiod takes that for a Secret of this name in {namespace}: "
        f"requests to {use.host} get 503.",
        subject=use.owner,
        evidence=[Evidence(use.owner, f"{use.path}.credentialName", use.name, bare), *_said(facts, use)],
        actions=[show(use.thing), change(f"Name {bare} alone", patch.command, ISTIO_TLSO)],
        about=about({each.host for each in uses_}),
    )


def _failed(facts: Facts, uses_: list[Use], sentence: str, evidence: Evidence) -> Observation:
    use, namespace = uses_[0], facts.gateway.namespace
    named = [Evidence(each.owner, f"{each.path}.credentialName", each.name) for each in _distinct(uses_)]
    return fail(
        f"{sentence}: requests to {', '.join(dict.fromkeys(each.host for each in uses_))} get 503.",
        subject=f"Secret {namespace}/{use.secret}",
        evidence=list(dict.fromkeys((evidence, *named, *_said(facts, use)))),
        actions=[
            look("See the Secrets of the namespace", kubectl("get", "secrets", namespace=namespace)),
            _create(facts, use),
        ],
        about=about({each.host for each in uses_}),
    )


def _distinct(uses_: list[Use]) -> list[Use]:
    return list({(each.owner, each.path): each for each in uses_}.values())[:5]


def _create(facts: Facts, use: Use) -> Action:
    pair = (
        []
        if use.mode == "SIMPLE" and not use.receiving
        else ["--from-file=tls.crt=client.crt", "--from-file=tls.key=client.key"]
    )
    words = ["create", "secret", "generic", use.secret, *pair, "--from-file=ca.crt=ca.crt"]
    return change(
        "Create it from your certificate files (delete a Secret of that name first, if it is wrong)",
        kubectl(*words, namespace=facts.gateway.namespace),
        ISTIO_TLSO,
        "istiod delivers it within seconds, without a restart",
    )


def _said(facts: Facts, use: Use) -> list[Evidence]:
    """Istiod's newest line about the Secret (Ruling 20)."""
    line = _newest(facts, use.secret)
    return [Evidence(line[1], "newest line about it", line[0].message)] if line else []


def _newest(facts: Facts, name: str) -> tuple[Line, str, LogLine] | None:
    """Istiod's newest line about a credential of this name, the log that it stands in, and what it means."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    lines = [
        (line, log.ref, meaning)
        for log in facts.readable(IstiodLog, ROOT_NAMESPACE)
        for line in log.matching(word)
        if (meaning := next((row for row in CREDENTIALS if row.pattern.search(line.message)), None)) is not None
    ]
    return max(lines, key=lambda found: (str(found[0].at), found[1]), default=None)


def _refused(facts: Facts, uses_: list[Use], secret: Secret) -> Observation | None:
    """A Secret that is in its place, and that istiod refused after it was last written."""
    found = _newest(facts, uses_[0].secret)
    if found is None:
        return None
    line, log, meaning = found
    times = [each for raw in secret.managed_fields if (each := moment(raw, "time")) is not None]
    written = max(times, default=secret.created)
    if line.at is None or written is None or line.at <= written or secret.namespace not in line.message:
        return None
    return _failed(
        facts,
        uses_,
        f"{secret.ref} does not work, since {meaning.meaning}",
        Evidence(log, "newest line about it", line.message),
    )


def _files(uses_: list[Use]) -> Observation:
    use = uses_[0]
    return warn(
        f"{use.path} of {use.owner} names certificate files, which the add-on's gateway pods cannot have mounted.",
        subject=use.owner,
        evidence=[Evidence(use.owner, use.path, ", ".join(use.files), "credentialName")],
        actions=[
            look(
                "See which files DestinationRules name",
                kubectl("get", "destinationrules.networking.istio.io", "-A", "-o", "yaml"),
            ),
            change("Put the certificates into a Secret and name it by credentialName", "", ISTIO_TLSO),
        ],
        about=about({each.host for each in uses_}),
    )
