"""The catalogue as text: a list, a page for each check, and docs/catalogue.md (`python -m checks.docs.catalogue_page`)."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import yaml

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.permissions import CREDENTIAL_ACTION, azure_rights, cluster_role, kubernetes_rights
from checks.facts.fact import ArmResource, AzureCall, Fact, Listed, PodLog, ServerVersion
from checks.model.findings import Stage
from checks.reports.wording import STAGES

STEPS = {
    "PRE-1": "az version", "PRE-2": "static egress enabled, pool and configuration there",
    "NET-1": "firewalls allow the egress range", "NET-2": "no Azure CNI Pod Subnet",
    "PROV-1": "Deployment and Service are provisioned", "PROV-2": "admission webhooks do not block",
    "PROV-3": "the name is valid", "PROV-4": "static egress components are healthy",
    "SEG-1": "the configuration exists, is valid, is named by the pods", "SEG-2": "an egress prefix is assigned",
    "SEG-3": "the node pool exists and is in Gateway mode", "SEG-4": "a request from the gateway's pod has the right address",
    "SEG-5": "a request from an uninjected pod works", "SEG-6": "restart after changes of the configuration",
    "SEG-7": "a new configuration", "SEG-8": "debug the static egress gateway",
    "IST-1": "access log", "IST-2": "proxy and istiod logs", "IST-3": "Gateway selector",
    "IST-4": "ServiceEntry with resolution DNS", "IST-5": "credential Secret in the gateway's namespace",
    "IST-6": "applications send plain HTTP for TLS origination",
    "overview": "at most 500 gateways, Services of type ClusterIP, Gateway API",
}  # fmt: skip
"""The article's steps (ids of the reference) in a few words each."""

ACTIONS = {
    "PRE-1": "a version note on every `az aks mesh` command",
    "SEG-6": "the restart action",
    "SEG-7": "the new-configuration action of EG402, EG405 and EG409",
}
"""Steps that are carried out by an action rather than (only) by a check."""

ALSO = {
    "PRE-2": ("EG401", "EG407"),
    "PROV-4": ("EG308",),
    "SEG-7": ("EG402", "EG405", "EG409"),
    "overview": ("EG304",),
}
"""Checks that carry out a part of a step, besides the steps that they are declared for."""

_DOCUMENT = re.compile(r"docs/([\w/-]+\.md(?:#[\w-]+)?)")


def listing(checks: Sequence[Check]) -> str:
    """All checks, a line each."""
    lines: list[str] = []
    for stage in Stage:
        lines.append(STAGES[stage])
        lines += [f"  {c.code}  {c.slug:<36} {c.severity:<9} {c.title}" for c in checks if c.stage is stage]
        lines.append("")
    return "\n".join([*lines, "`egress-diag checks CHECK` shows one of them, by slug or code."])


def check_page(check: Check, checks: Sequence[Check]) -> str:
    """One check: its page, what it reads, what it explains and what explains it."""
    return "\n".join(_page(check, checks))


def _page(check: Check, checks: Sequence[Check]) -> Iterator[str]:
    yield f"{check.code} {check.slug}"
    yield f"{check.title}"
    yield ""
    yield f"stage     {STAGES[check.stage]}"
    yield f"severity  {check.severity} (the worst that it reports)"
    yield f"article   {', '.join(check.article) or '–'}"
    yield f"reads     {', '.join(source(kind) for kind in check.reads) or 'the gateway as the mesh profile has it'}"
    yield f"rules     {rules(check)}"
    yield ""
    yield check.page
    if check.explains:
        yield ""
        yield "When it fails, it explains:"
        yield from (f"  {slug}{_shared(why.share)}: {why.sentence}" for slug, why in check.explains.items())
    causes = [(c.slug, c.explains[check.slug]) for c in checks if check.slug in c.explains]
    if causes:
        yield ""
        yield "It may be explained by:"
        yield from (f"  {slug}{_shared(why.share)}: {why.sentence}" for slug, why in causes)
    yield ""
    yield "Outcomes: pass, warning, fail; does not apply; not checked if a read failed."


def rules(check: Check) -> str:
    """The section of the documentation that says which condition gives which result."""
    return f"docs/domain/decision-tables.md#{check.slug}"


def _shared(kind: str) -> str:
    return f" (about the same {kind})" if kind else ""


def source(kind: type[Fact]) -> str:
    """Where a kind of fact comes from, in a few words."""
    match kind.origin:
        case Listed(resource=resource, metadata_only=metadata_only):
            return f"{resource} (metadata only)" if metadata_only else resource
        case AzureCall(resource=resource):
            return f"Azure {resource}"
        case ArmResource(resource=resource):
            return f"Azure {resource}"
        case PodLog(container=container):
            return f"log of {container}"
        case ServerVersion():
            return "the API server's version"


def permission_list(checks: Sequence[Check]) -> str:
    """The ClusterRole and the Azure actions, with what is lost without each. The whole is YAML that kubectl takes: all
    but the role is comment."""
    return "\n".join(_permission_list(checks))


def _permission_list(checks: Sequence[Check]) -> Iterator[str]:
    yield "# Kubernetes: the rights that the checks' reads need. Only lists and logs; nothing is ever written."
    yield "# Apply it as it is (egress-diag checks --permissions | kubectl apply -f -) and bind it to the bot's identity."
    yield "# Secrets are read as metadata only (names and keys), never with their data; Kubernetes has no narrower right for"
    yield "# that. Leave the rule out, and EG511 is unknown and names the log line that proves what it would have told."
    yield yaml.safe_dump(cluster_role(checks), sort_keys=False).rstrip()
    yield "#"
    yield "# Without a right the checks behind it are unknown where they need what it shows, and never healthy:"
    for right in kubernetes_rights(checks):
        yield from _lost(f"{' '.join(right.verbs)} {right.name}", ", ".join(right.lost))
    yield "#"
    yield "# Azure: actions for a custom role. The role Reader on the cluster and on its network's resources covers all but the"
    yield '# last, which the role "Azure Kubernetes Service Cluster User Role" has; with a kubeconfig it is not needed.'
    rights = {right.name: right.lost for right in azure_rights(checks)}
    inside = rights.pop(CREDENTIAL_ACTION, ())
    for name, lost in rights.items():
        yield from _lost(name, ", ".join(lost))
    yield from _lost(CREDENTIAL_ACTION, f"the {len(inside)} checks that look into the cluster")


def _lost(right: str, listed: str) -> Iterator[str]:
    yield f"#   {right}"
    yield from textwrap.wrap(listed, 116, initial_indent="#       ", subsequent_indent="#       ")


def catalogue_page(checks: Sequence[Check]) -> str:
    """docs/catalogue.md: every check with its page, and the table of the article's steps."""
    return "\n".join(_markdown(checks)) + "\n"


def _markdown(checks: Sequence[Check]) -> Iterator[str]:
    yield "<!-- Generated by `make docs` from the checks themselves. Do not edit. -->"
    yield ""
    yield "# Catalogue"
    yield ""
    yield f"{len(checks)} checks. Codes are never reused; the slug is what JSON, tests and links say. What explains what is"
    yield "drawn in [docs/causes.md](../docs/causes.md); the article's steps stand at the end."
    for stage in Stage:
        yield ""
        yield f"## {STAGES[stage]}"
        for check in (c for c in checks if c.stage is stage):
            yield ""
            yield f"### {check.code} {check.slug}"
            yield ""
            yield f"**{check.title}** · {check.severity} · article: {', '.join(check.article) or '–'}"
            yield ""
            yield _DOCUMENT.sub(r"[docs/\1](\1)", check.page)
            yield ""
            reads = ", ".join(source(kind) for kind in check.reads) or "the mesh profile"
            yield f"Reads: {reads}. Rules: [decision table]({rules(check).removeprefix('docs/')})."
            if check.explains:
                yield ""
            for slug, why in check.explains.items():
                yield f"- explains `{slug}`{_shared(why.share)}: {why.sentence}"
    yield ""
    yield from _coverage(checks)


def carried_out(step: str, checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that carry out a step of the article, or a part of it."""
    return tuple(c for c in checks if step in c.article or c.code in ALSO.get(step, ()))


def _coverage(checks: Sequence[Check]) -> Iterator[str]:
    yield "## The article's steps"
    yield ""
    yield "Every step of Microsoft's troubleshooting article, what carries it out, and the cases that show it (one file for"
    yield "each check: firing, healthy, unreadable, and every boundary of its decision table)."
    yield ""
    yield "| step | what it asks | carried out by | cases |"
    yield "| --- | --- | --- | --- |"
    for step, words in STEPS.items():
        found = carried_out(step, checks)
        by = [f"[{c.code}](#{c.code.lower()}-{c.slug})" for c in found]
        cases = (f"[{c.slug}](../tests/scenarios/{scenarios(c)})" for c in found)
        yield f"| {step} | {words} | {', '.join([*by, *action(step)])} | {', '.join(cases)} |"


def action(step: str) -> tuple[str, ...]:
    """The action that carries out a step, where one does."""
    return (ACTIONS[step],) if step in ACTIONS else ()


def scenarios(check: Check) -> str:
    """The file of a check's cases, under tests/scenarios."""
    return f"{check.stage}/{check.slug.replace('-', '_')}.yaml"


if __name__ == "__main__":
    print(catalogue_page(catalogue()), end="")  # noqa: T201 - this module's command prints the document
