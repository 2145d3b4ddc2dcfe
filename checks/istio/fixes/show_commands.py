"""Commands that show an object before it is changed."""

from checks.facts.fact import KubernetesObject
from checks.facts.kubernetes_kinds import resource_name
from checks.istio.mesh.gateway_api.backend_policies import BackendPolicyRule
from checks.istio.mesh.gateway_api.gateways import ListenerGateway
from checks.model.commands import inspect, kubectl
from checks.model.findings import Action


def show_object(thing: KubernetesObject) -> Action:
    """Show the object as it is.

    The full resource name is used, because the Gateway API has a kind with the same short name.
    """
    written = thing.source if isinstance(thing, ListenerGateway | BackendPolicyRule) else thing
    command = kubectl("get", resource_name(type(written)), written.name, "-o", "yaml", namespace=written.namespace)
    return inspect(f"Show {written.ref}", command)


def list_kind(kind: type[KubernetesObject]) -> Action:
    """List all objects of a kind, because the deciding one may be in any namespace."""
    return inspect(f"List all {kind.kind}s", kubectl("get", resource_name(kind), "-A"))
