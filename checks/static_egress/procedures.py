"""Remedies of several steps: restarting the gateway (SEG-6), and moving it to a new configuration (SEG-7).

Both are lists of actions in the order in which they are carried out, the reading one first.
"""

import json
import re
from collections.abc import Mapping

from checks.facts.agent_pools import AgentPool
from checks.facts.egress_gateway import EgressGateway
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import (
    AZ_VERSION,
    SEGDOC,
    TSG,
    az_aks,
    change,
    disrupt,
    enable_gateway,
    kubectl,
    kubectl_apply,
    look,
    restart,
)
from checks.model.findings import Action
from checks.static_egress.prefixes import parse_cidr

POOL_PLACEHOLDER = "GATEWAY_POOL"
_ANNOTATION = r"kubernetes\.azure\.com/static-gateway-configuration"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./-]*")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def restart_gateway(gateway: EgressGateway) -> tuple[Action, ...]:
    """SEG-6. Pods get their routes, key and excluded ranges when their network is set up, so only new pods see an edit."""
    return (
        look(
            f"See when each pod of {gateway.namespace} was created, and which configuration it names",
            pods_with_configuration(gateway.namespace),
            TSG,
        ),
        *(restart(name, gateway.namespace) for name in gateway.deployments),
    )


def pods_with_configuration(namespace: str) -> str:
    """Which configuration each pod of the namespace names, when it started, and whether it is ready."""
    columns = (
        "POD:.metadata.name",
        f"CONFIGURATION:.metadata.annotations.{_ANNOTATION}",
        "CREATED:.metadata.creationTimestamp",
        "PHASE:.status.phase",
    )
    return kubectl("get", "pods", "-o", f"custom-columns={','.join(columns)}", namespace=namespace)


def new_configuration(facts: Facts, old: StaticGatewayConfiguration, pool: str = "") -> tuple[Action, ...]:
    """SEG-7, whole: who else uses the old configuration, the new one modelled on it, waiting for its range, which
    allow-lists must learn it, pointing the gateway at it, seeing the pods follow, and what to delete in which order.

    `pool`: the node pool to use, where the caller knows better than the old one and Azure's list. A check that offers this
    reads StaticGatewayConfiguration, AgentPool and ManagedCluster."""
    gateway, cluster, namespace = facts.gateway, facts.cluster, old.namespace
    name = free_name(facts, old)
    pool = pool or pool_for(facts, old.pool)
    others = other_gateways(facts, old)
    return (
        look(
            f"See which egress gateways use {namespace}/{old.name}" + _others_text(others),
            az_aks(
                cluster,
                "show",
                "--query",
                "serviceMeshProfile.istio.components.egressGateways"
                f'[?gatewayConfigurationName==`"{old.name}"`].{{name:name,namespace:namespace}}',
                "-o",
                "table",
            ),
            TSG,
        ),
        change(
            f"Create StaticGatewayConfiguration {namespace}/{name}, modelled on {old.name}{pool_note(pool)}",
            kubectl_apply(manifest_like(old, name, pool)),
            SEGDOC,
            f"`{kubectl('get', 'staticgatewayconfiguration', name, namespace=namespace)}` lists it",
        ),
        wait_for_prefix(namespace, name, old.egress_prefix),
        disrupt(
            f"Point {gateway.ref} at {name} ({AZ_VERSION})",
            enable_gateway(cluster, gateway.namespace, gateway.name, name),
            TSG,
            "new pods that carry the annotation replace the old ones, whose connections are cut; from then on the traffic "
            "leaves from the new range",
        ),
        look(f"See that every gateway pod names {name}", pods_with_configuration(gateway.namespace), TSG),
        *_farewell(old, others),
    )


def describe(configuration: StaticGatewayConfiguration) -> Action:
    """The article's look at a configuration: its spec, its status, and what the controller says."""
    return look(
        "See the configuration and what its controller says",
        kubectl("describe", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace),
        TSG,
    )


def patch_spec(
    configuration: StaticGatewayConfiguration, title: str, spec: Mapping[str, object], expect: str = ""
) -> Action:
    """A merge patch of a configuration's spec; null deletes a field."""
    name, namespace = configuration.name, configuration.namespace
    patch = json.dumps({"spec": spec})
    command = kubectl("patch", "staticgatewayconfiguration", name, "--type", "merge", "-p", patch, namespace=namespace)
    return change(title, command, SEGDOC, expect)


def wait_for_prefix(namespace: str, name: str, old_prefix: str = "") -> Action:
    """Waiting for a configuration's range, which firewalls and partners must allow before traffic leaves from it."""
    beside = f" beside {old_prefix}" if old_prefix else ""
    command = kubectl(
        "wait",
        f"staticgatewayconfiguration/{name}",
        "--for=jsonpath={.status.egressIpPrefix}",
        "--timeout=5m",
        namespace=namespace,
    )
    shown = kubectl(
        "get", "staticgatewayconfiguration", name, "-o", "jsonpath={.status.egressIpPrefix}", namespace=namespace
    )
    return Action(
        f"Wait until {name} has its egress range (kubectl 1.31 or later)",
        f"{command} && {shown}",
        url=SEGDOC,
        expect=f"the new range is printed; allow it{beside} in Azure Firewall, security groups, proxies and at every "
        "destination that lists source addresses, before the next step",
    )


def manifest_like(old: StaticGatewayConfiguration, name: str, pool: str, namespace: str = "") -> str:
    """The YAML of a new configuration with the old one's routes. An own prefix is left out, since its addresses stay
    attached to the old configuration, and so are ranges that are no CIDR, which break every pod."""
    lines = manifest_head(namespace or old.namespace, name, pool)
    if not old.provisions_public_ips:
        lines[-1] = "  provisionPublicIps: false"
    lines.append(f"  defaultRoute: {yaml_string(old.default_route)}")
    if kept := [cidr for cidr in old.exclude_cidrs if parse_cidr(cidr) is not None]:
        lines.append("  excludeCidrs:")
        lines.extend(f"    - {yaml_string(cidr)}" for cidr in kept)
    if old.public_ip_prefix_id:
        lines.append("  # publicIpPrefixId: to keep a range of your own, the id of a prefix that nothing else uses")
    return "\n".join(lines)


def manifest_head(namespace: str, name: str, pool: str) -> list[str]:
    """The lines of the smallest valid configuration; spec comes last, so that lines can follow."""
    return [
        "apiVersion: egressgateway.kubernetes.azure.com/v1alpha1",
        "kind: StaticGatewayConfiguration",
        "metadata:",
        f"  name: {yaml_string(name)}",
        f"  namespace: {yaml_string(namespace)}",
        "spec:",
        f"  gatewayNodepoolName: {yaml_string(pool)}",
        "  provisionPublicIps: true",
    ]


def pool_for(facts: Facts, named: str) -> str:
    """The pool to write into a configuration: the named one where it is a gateway pool or Azure does not tell, else the
    only gateway pool; the named one again where it is gone and none is left to take its place; else a placeholder."""
    pools = facts.readable(AgentPool)
    gateways = [pool.name for pool in pools if pool.is_gateway]
    if named and (not pools or named.lower() in (pool.lower() for pool in gateways)):
        return named
    if len(gateways) == 1:
        return gateways[0]
    gone = named.lower() not in (pool.name.lower() for pool in pools)
    return named if named and gone and not gateways else POOL_PLACEHOLDER


def pool_note(pool: str) -> str:
    """What a title adds where the reader has to fill in the pool."""
    return f" (write the gateway pool's name for {POOL_PLACEHOLDER})" if pool == POOL_PLACEHOLDER else ""


def free_name(facts: Facts, old: StaticGatewayConfiguration) -> str:
    """`sgc-2` after `sgc`, `sgc-3` after `sgc-2`: the first that no configuration of the namespace has."""
    taken = {each.name for each in facts.readable(StaticGatewayConfiguration, old.namespace)}
    stem, dash, digits = old.name.rpartition("-")
    number = int(digits) if dash and digits.isascii() and digits.isdigit() and len(digits) < 4 else 1
    base = stem if number > 1 else old.name
    return next(name for n in range(number + 1, number + len(taken) + 2) if (name := f"{base}-{n}") not in taken)


def other_gateways(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[str, ...]:
    """`namespace/name` of the other enabled gateways that leave through the configuration, by Azure's profile."""
    users = facts.once("gateways of each configuration", _users).get(configuration.key, ())
    return tuple(each for each in users if each != str(facts.gateway))


def _users(facts: Facts) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for cluster in facts.readable(ManagedCluster):
        for entry in cluster.egress_gateways:
            if entry.enabled and entry.configuration:
                key = (entry.namespace, entry.configuration)
                found.setdefault(key, []).append(f"{entry.namespace}/{entry.name}")
    return found


def _others_text(others: tuple[str, ...]) -> str:
    return f": {', '.join(others)} too" if others else ""


def _farewell(old: StaticGatewayConfiguration, others: tuple[str, ...]) -> tuple[Action, ...]:
    if others:
        return (
            look(
                f"Keep {old.namespace}/{old.name} while {', '.join(others)} uses it",
                kubectl("get", "staticgatewayconfiguration", old.name, namespace=old.namespace),
                TSG,
            ),
        )
    if old.deleted is not None:
        return ()
    return (
        change(
            f"Delete {old.namespace}/{old.name} once no pod names it; a node pool goes only after its configurations",
            kubectl("delete", "staticgatewayconfiguration", old.name, namespace=old.namespace),
            SEGDOC,
            "the command returns when Azure has released the old range; take it out of the allow-lists then",
        ),
    )


def yaml_string(text: str) -> str:
    """A string in YAML: plain where it cannot be misread, else quoted as JSON, which is YAML too."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text)
