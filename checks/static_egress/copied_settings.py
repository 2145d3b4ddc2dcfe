"""When each setting changed that a pod copies when its network is set up.

A pod keeps the key and the address of the tunnel's endpoint, its default route and the excluded ranges until it is
replaced.

Sources: docs/rulings.md#ruling-41; kube-egress-gateway cmd/kube-egress-cni and controllers/cnimanager/server.go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from checks.facts.namespaces import Secret
from checks.facts.static_egress import GatewayLBConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence

_STATUS = "metadata.managedFields[f:status].time"


@dataclass(frozen=True, slots=True)
class CopiedSetting:
    """A setting with the time of its last change.

    `happened` begins the sentence "… after 2 pods had started". `lost`: an older pod's traffic is lost.
    """

    happened: str
    changed: datetime | None
    evidence: Evidence
    lost: bool
    recreated: bool = False
    """Whether the StaticGatewayConfiguration is a new object, which can have a new prefix."""


def copied_settings(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[CopiedSetting]:
    """The settings that changed after the first setup, the most fundamental first.

    Requires Secret and GatewayLBConfiguration declared; what cannot be read is left out.
    """
    yield CopiedSetting(
        f"{configuration.ref} was deleted and created again, with a new key,",
        configuration.created,
        Evidence(configuration.ref, "metadata.creationTimestamp", written_time(configuration.created)),
        lost=True,
        recreated=True,
    )
    yield from _endpoint(facts, configuration)
    yield from _key(facts, configuration)
    yield from _balancer_created(facts, configuration)
    if edit_count(configuration) > 0:
        yield CopiedSetting(
            f"The spec of {configuration.ref} was edited",
            configuration.spec_changed,
            Evidence(
                configuration.ref, "metadata.managedFields[f:spec].time", written_time(configuration.spec_changed)
            ),
            lost=False,
        )


def edit_count(configuration: StaticGatewayConfiguration) -> int:
    """The number of edits of the spec.

    The generation starts at 1, and a deletion request adds 1.
    """
    return (configuration.generation or 1) - 1 - (configuration.deleted is not None)


def written_time(at: datetime | None) -> str:
    """A time as the API server writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "(unknown)"


def _endpoint(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[CopiedSetting]:
    """Address and port of the tunnel's endpoint: a pool that was created again has another.

    The status of both objects has them beside the prefix, which pods do not copy. A change that an edit of the own prefix
    or, in private IP mode, a new node explains is left out.
    """
    if _prefix_changes(configuration):
        return
    changed, moved = configuration.status_changed, _balancer_changed(facts, configuration)
    if changed is None or moved is None:
        return
    ref = configuration.ref
    if moved < changed:
        ref, changed = f"GatewayLBConfiguration {configuration.namespace}/{configuration.name}", moved
    port = f":{configuration.server.port}" if configuration.server.port else ""
    yield CopiedSetting(
        f"The tunnel endpoint of {configuration.ref} changed to {configuration.server.ip}{port}",
        changed,
        Evidence(ref, _STATUS, written_time(changed)),
        lost=True,
    )


def _balancer_created(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[CopiedSetting]:
    """A new GatewayLBConfiguration gets an endpoint, which may be the same as before."""
    if facts.gap(GatewayLBConfiguration, configuration.namespace) is not None:
        return
    balancer = facts.get(GatewayLBConfiguration, configuration.name, configuration.namespace)
    if balancer is not None and balancer.created is not None:
        created = Evidence(balancer.ref, "metadata.creationTimestamp", written_time(balancer.created))
        happened = f"{balancer.ref} was created again, perhaps with another tunnel endpoint,"
        yield CopiedSetting(happened, balancer.created, created, lost=False)


def endpoint_time_recorded(facts: Facts, configuration: StaticGatewayConfiguration) -> bool:
    """Whether managedFields show when the tunnel's endpoint last changed."""
    if configuration.status_changed is not None and _balancer_changed(facts, configuration) is not None:
        return True
    return facts.gap(GatewayLBConfiguration, configuration.namespace) is not None


def _prefix_changes(configuration: StaticGatewayConfiguration) -> bool:
    """Whether the prefix in the status may have changed: pods do not copy it."""
    own_prefix_edited = bool(configuration.public_ip_prefix_id) and edit_count(configuration) > 0
    return own_prefix_edited or not configuration.provisions_public_ips


def _balancer_changed(facts: Facts, configuration: StaticGatewayConfiguration) -> datetime | None:
    """The last change of the load balancer's part; None if it is not known."""
    if facts.gap(GatewayLBConfiguration, configuration.namespace) is not None:
        return None
    balancer = facts.get(GatewayLBConfiguration, configuration.name, configuration.namespace)
    return balancer.status_changed if balancer else None


def _key(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[CopiedSetting]:
    """The key pair of the tunnel: the controller makes a new one if its Secret is missing.

    Without the right to read Secrets, a status that changed without the load balancer's part: it was the public key.
    """
    namespace, name = configuration.server.secret
    ref, field, at = configuration.ref, _STATUS, configuration.status_changed
    if not name:
        return
    if facts.gap(Secret, namespace) is not None:
        if _balancer_changed(facts, configuration) is None or _prefix_changes(configuration):
            return
    else:
        secret = facts.get(Secret, name, namespace)
        if secret is None:
            return
        ref, field, at = secret.ref, "metadata.creationTimestamp", secret.created
        if (edited := secret.data_changed) is not None and (at is None or edited > at):
            field, at = "metadata.managedFields[f:data].time", edited
    yield CopiedSetting(
        f"The WireGuard key of {configuration.ref} was renewed", at, Evidence(ref, field, written_time(at)), lost=True
    )
