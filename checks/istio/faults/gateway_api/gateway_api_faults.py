"""The kinds of faults of Gateway API objects.

Source: docs/domain/istio.md#gateway-api.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import ObjectChange
from checks.facts.fact import KubernetesObject
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.model.findings import Evidence
from checks.model.route import HopName


@dataclass(frozen=True, slots=True)
class GatewayApiFault(RouteFault):
    """A fault of an object of the Gateway API; its fix changes or creates such an object."""

    check: ClassVar[str] = ROUTE_CHECK
    statement: str
    fields: tuple[Evidence, ...]
    title: str
    change: ObjectChange
    things: tuple[KubernetesObject, ...]

    def sentence(self) -> str:
        return self.statement

    def evidence(self) -> tuple[Evidence, ...]:
        return self.fields

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix(self.title, (self.change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return self.things


class MeshBackend(GatewayApiFault):
    """A route of sidecars with another backend than the gateway's Service and port."""

    __slots__ = ()
    name: ClassVar[str] = "elsewhere"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class NoWeight(GatewayApiFault):
    """A rule whose backends all have weight 0."""

    __slots__ = ()
    name: ClassVar[str] = "no-weight"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class NoWeightAtGateway(NoWeight):
    """The same for a rule that the gateway needs."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE


class ListenerPort(GatewayApiFault):
    """A listener on another port than the one to which sidecars send requests."""

    __slots__ = ()
    name: ClassVar[str] = "no-server"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-server-unreachable"


class NoCertificate(GatewayApiFault):
    """A listener that terminates TLS without a certificate."""

    __slots__ = ()
    name: ClassVar[str] = "no-certificate"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "credential-secret-missing"
    certain: ClassVar[bool] = True


class NoMeshRoute(GatewayApiFault):
    """A host that no route sends from sidecars to the gateway."""

    __slots__ = ()
    name: ClassVar[str] = "no-route"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class MeshParent(GatewayApiFault):
    """A route of sidecars whose parent reference or hostnames exclude the request."""

    __slots__ = ()
    name: ClassVar[str] = "not-attached"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class UnmatchedInMesh(GatewayApiFault):
    """A route of sidecars without a rule that matches the request."""

    __slots__ = ()
    name: ClassVar[str] = "no-mesh-rule"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True


class UnmatchedAtGateway(GatewayApiFault):
    """A route of the gateway without a rule that matches the request."""

    __slots__ = ()
    name: ClassVar[str] = "no-gateway-rule"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True


class AddressElsewhere(GatewayApiFault):
    """A Gateway whose address is not the gateway's Service."""

    __slots__ = ()
    name: ClassVar[str] = "address-elsewhere"
    hop: ClassVar[HopName] = HopName.SERVER


class SetNotAllowed(GatewayApiFault):
    """A ListenerSet with the host that its Gateway does not allow."""

    __slots__ = ()
    name: ClassVar[str] = "listeners-not-allowed"
    hop: ClassVar[HopName] = HopName.SERVER


class NoListener(GatewayApiFault):
    """A Gateway without a listener for the host."""

    __slots__ = ()
    name: ClassVar[str] = "no-listener"
    hop: ClassVar[HopName] = HopName.SERVER


class NotAttached(GatewayApiFault):
    """A route that is not attached to the Gateway for the host."""

    __slots__ = ()
    name: ClassVar[str] = "not-attached"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE


class NoGatewayRoute(GatewayApiFault):
    """A Gateway to which no route for the host is attached."""

    __slots__ = ()
    name: ClassVar[str] = "no-gateway-rule"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE


class GatewayBackend(GatewayApiFault):
    """A route of the gateway that sends the host to another destination or port."""

    __slots__ = ()
    name: ClassVar[str] = "unknown-destination"
    hop: ClassVar[HopName] = HopName.ENTRY


class NotGranted(GatewayApiFault):
    """A backend in another namespace that no ReferenceGrant allows."""

    __slots__ = ()
    name: ClassVar[str] = "not-granted"
    hop: ClassVar[HopName] = HopName.ENTRY


class NoBackendTls(GatewayApiFault):
    """A destination that expects TLS, which no BackendTLSPolicy makes the gateway originate."""

    __slots__ = ()
    name: ClassVar[str] = "no-origination"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = "tls-contract-broken"
