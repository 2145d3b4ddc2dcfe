"""The catalogue as a list, as a page per check, and as docs/catalogue.md.

`python -m checks.docs.catalogue_page` writes the page.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import yaml

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.permissions import CREDENTIAL_ACTION, azure_rights, cluster_role, kubernetes_rights, namespaced_role
from checks.facts.fact import ArmResource, AzureCall, Fact, Listed, PodLog, ProbeResults, ProxyCounters, ServerVersion
from checks.model.columns import after, paragraphs, wrapped
from checks.model.findings import Stage
from checks.reports.wording import STAGES

STEPS = {
    "PRE-1": "Azure CLI version", "PRE-2": "static egress enabled, gateway node pool and StaticGatewayConfiguration exist",
    "NET-1": "firewalls allow the egress IP prefix", "NET-2": "no Azure CNI Pod Subnet",
    "PROV-1": "Deployment and Service are provisioned", "PROV-2": "admission webhooks do not block",
    "PROV-3": "the name is valid", "PROV-4": "static egress components are healthy",
    "SEG-1": "the StaticGatewayConfiguration exists, is valid, and the pods name it",
    "SEG-2": "an egress IP prefix is assigned",
    "SEG-3": "the node pool exists and is in Gateway mode",
    "SEG-4": "a request from the gateway's pod has the expected source IP address",
    "SEG-5": "a request from a pod without a sidecar works", "SEG-6": "restart after changes of the StaticGatewayConfiguration",
    "SEG-7": "create a new StaticGatewayConfiguration", "SEG-8": "debug the static egress gateway",
    "IST-1": "access log", "IST-2": "proxy and istiod logs", "IST-3": "Gateway selector",
    "IST-4": "ServiceEntry with resolution DNS", "IST-5": "credential Secret in the gateway's namespace",
    "IST-6": "applications send plain HTTP for TLS origination",
    "overview": "at most 500 gateways, Services of type ClusterIP, Gateway API",
}  # fmt: skip
"""The article's steps by ID, each as a short phrase."""

ACTIONS = {
    "PRE-1": "a version note on every `az aks mesh` command",
    "SEG-6": "the restart action",
    "SEG-7": "the action for a new StaticGatewayConfiguration",
}
"""Steps that are covered by an action, alone or in addition to checks."""

_DOCUMENT = re.compile(r"docs/([\w/-]+\.md(?:#[\w-]+)?)")


def listing(checks: Sequence[Check]) -> str:
    """All checks: code, severity and title, and below it the slug."""
    lines: list[str] = []
    for stage in Stage:
        lines.append(STAGES[stage])
        for each in (each for each in checks if each.stage is stage):
            lines += after(f"  {each.code}  {each.severity:<8}  ", each.title)
            lines.append(f"  {'':<5}  {'':<8}  {each.slug}")
        lines.append("")
    return "\n".join([*lines, "`egress-diag checks CHECK` prints the page of a check, by slug or code."])


def check_page(check: Check, checks: Sequence[Check]) -> str:
    """The page of one check, with what it reads, its effects and its causes."""
    return "\n".join(_page(check, checks))


def _page(check: Check, checks: Sequence[Check]) -> Iterator[str]:
    yield f"{check.code} {check.slug}"
    yield f"{check.title}"
    yield ""
    yield f"stage     {STAGES[check.stage]}"
    yield f"severity  {check.severity} (the highest severity of its findings)"
    yield from after("article   ", steps(check) or "–")
    reads = ", ".join(source(kind) for kind in check.reads)
    yield from after("reads     ", reads or "the gateway in the mesh profile")
    yield f"rules     {rules(check)}"
    yield ""
    yield from paragraphs(check.page)
    if check.explains:
        yield ""
        yield "If it fails, it can explain:"
        for slug, why in check.explains.items():
            yield from wrapped(f"{slug}{_shared(why.share)}: {why.sentence}", "  ", "    ")
    causes = [(c.slug, c.explains[check.slug]) for c in checks if check.slug in c.explains]
    if causes:
        yield ""
        yield "It can be explained by:"
        for slug, why in causes:
            yield from wrapped(f"{slug}{_shared(why.share)}: {why.sentence}", "  ", "    ")
    yield ""
    yield from wrapped("Outcomes: pass, warning, fail, does not apply, or, if a read failed, not checked.", "")


def steps(check: Check) -> str:
    """The article's steps that a check covers, such as "SEG-1; in part PRE-2"."""
    return "; ".join(
        filter(None, [", ".join(check.article), f"in part {', '.join(check.partly)}" if check.partly else ""])
    )


def rules(check: Check) -> str:
    """The section of the documentation that says which condition gives which result."""
    return f"docs/domain/decision-tables.md#{check.slug}"


def _shared(kind: str) -> str:
    return f" (for the same {kind})" if kind else ""


def source(kind: type[Fact]) -> str:
    """The source of a kind of fact, as a short phrase."""
    match kind.origin:
        case Listed(resource=resource, metadata_only=metadata_only):
            return f"{resource} (metadata only)" if metadata_only else resource
        case AzureCall(resource=resource):
            return f"Azure {resource}"
        case ArmResource(resource=resource):
            return f"Azure {resource}"
        case PodLog(container=container):
            return f"log of {container}"
        case ProbeResults():
            return "the results of active steps"
        case ProxyCounters():
            return "counters of the proxies"
        case ServerVersion():
            return "the API server's version"


def permission_list(checks: Sequence[Check]) -> str:
    """The ClusterRole and the Azure actions, with the checks that need each.

    The list is YAML for `kubectl apply`.
    """
    return "\n".join(_permission_list(checks))


def namespaced_permission_list(checks: Sequence[Check]) -> str:
    """The Role for single namespaces as YAML for `kubectl apply`, with what stays unknown."""
    return "\n".join(
        (
            "# Kubernetes: the permissions in one namespace, for an identity without permissions in the whole cluster.",
            "# Apply the Role to the namespace of the gateway, aks-istio-system and aks-static-egress-gateway, and bind it:",
            "# egress-diag checks --permissions --of-namespace | kubectl apply -n NAMESPACE -f -",
            "# docs/permissions.md#namespaces-only lists the checks that are then not checked.",
            yaml.safe_dump(namespaced_role(checks), sort_keys=False).rstrip(),
        )
    )


def _permission_list(checks: Sequence[Check]) -> Iterator[str]:
    yield "# Kubernetes: the permissions that the checks need. They are read-only: lists and logs."
    yield "# Apply the role (egress-diag checks --permissions | kubectl apply -f -) and bind it to the bot's identity."
    yield "# Secrets are read as metadata only (names and keys), without their data; Kubernetes has no narrower permission for"
    yield "# that. Without this rule, missing Secrets are not checked; istiod's log line about the Secret is then shown."
    yield yaml.safe_dump(cluster_role(checks), sort_keys=False).rstrip()
    yield "#"
    yield "# Without a permission, these checks are reported as not checked if they need it, never as passed:"
    for right in kubernetes_rights(checks):
        yield from _lost(f"{' '.join(right.verbs)} {right.name}", ", ".join(right.lost))
    yield "#"
    yield "# Azure: actions for a custom role. The role Reader on the cluster and on its network resources has all but the"
    yield '# last, which the role "Azure Kubernetes Service Cluster User Role" has. With a kubeconfig, the last is not needed.'
    rights = {right.name: right.lost for right in azure_rights(checks)}
    inside = rights.pop(CREDENTIAL_ACTION, ())
    for name, lost in rights.items():
        yield from _lost(name, ", ".join(lost))
    yield from _lost(CREDENTIAL_ACTION, f"the {len(inside)} checks that read the API server")


def _lost(right: str, listed: str) -> Iterator[str]:
    yield f"#   {right}"
    yield from textwrap.wrap(listed, 116, initial_indent="#       ", subsequent_indent="#       ")


def catalogue_page(checks: Sequence[Check]) -> str:
    """docs/catalogue.md: the page of every check, and the table of the article's steps."""
    return "\n".join(_markdown(checks)) + "\n"


def _markdown(checks: Sequence[Check]) -> Iterator[str]:
    yield "<!-- Generated by `make docs` from the checks themselves. Do not edit. -->"
    yield ""
    yield "# Catalogue"
    yield ""
    yield f"{len(checks)} checks. Codes are never reused; JSON, tests and links use the slug. [Causes](causes.md) shows which"
    yield "faults explain which. The last section maps the article's steps to checks."
    for stage in Stage:
        yield ""
        yield f"## {STAGES[stage]}"
        for check in (c for c in checks if c.stage is stage):
            yield ""
            yield f"### {check.code} {check.slug}"
            yield ""
            yield f"**{check.title}** · {check.severity} · article: {steps(check) or '–'}"
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


def performed(step: str, checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that cover a step of the article, or a part of it."""
    return tuple(c for c in checks if step in c.article + c.partly)


def _coverage(checks: Sequence[Check]) -> Iterator[str]:
    yield "## The article's steps"
    yield ""
    yield "Every step of Microsoft's troubleshooting article, the checks that cover it, and their test cases (one file for each"
    yield "check: failing, healthy, with a failed read, and every boundary of its rule)."
    yield ""
    yield "| step | content | covered by | cases |"
    yield "| --- | --- | --- | --- |"
    for step, words in STEPS.items():
        found = performed(step, checks)
        by = [f"[{c.code}](#{c.code.lower()}-{c.slug})" for c in found]
        cases = (f"[{c.slug}](../tests/scenarios/{scenarios(c)})" for c in found)
        yield f"| {step} | {words} | {', '.join([*by, *action(step)])} | {', '.join(cases)} |"


def action(step: str) -> tuple[str, ...]:
    """The action that covers a step, if there is one."""
    return (ACTIONS[step],) if step in ACTIONS else ()


def scenarios(check: Check) -> str:
    """The path of a check's cases, relative to tests/scenarios."""
    return f"{check.stage}/{check.slug.replace('-', '_')}.yaml"


if __name__ == "__main__":
    print(catalogue_page(catalogue()), end="")  # noqa: T201 - this command prints the document
