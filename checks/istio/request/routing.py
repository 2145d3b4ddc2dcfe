"""The router over the facts of a run.

It finds the proxies that route the requests of the run, and the outcome of each request.
"""

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.mesh.mesh import Mesh, mesh_of
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import RequestOutcome
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.resolve import Router


class Routing:
    """The routes of requests over one state of the facts, for the gateway of the run."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.gateway = str(facts.gateway)
        self._router = router_of(facts)
        self._outcomes: dict[tuple[object, ...], RequestOutcome] = {}
        self._meshes: dict[str, Mesh] = {}
        self._gateway_proxies: tuple[ProxyConfiguration, ...] | None = None

    def mesh(self, revision: str) -> Mesh:
        """The mesh as a revision's istiod reads it."""
        if revision not in self._meshes:
            self._meshes[revision] = mesh_of(self.facts, revision)
        return self._meshes[revision]

    def outcome(self, request: ClientRequest) -> RequestOutcome:
        """The outcome of a request.

        Raises Unreadable if an object that decides it could not be read.
        """
        sent = (request.scheme, request.host, request.port, request.method, request.path, request.headers)
        key = (request.clients.pod.key, *sent)
        if key not in self._outcomes:
            self._outcomes[key] = self._router.send(request.clients.pod, request.connection, self.gateway, request.host)
        return self._outcomes[key]

    def proxy(self, pod: Pod) -> ProxyConfiguration | None:
        """The configuration of a pod's proxy; None if it has none."""
        return self._router.configuration(self.mesh(pod.revision), pod)

    def gateway_proxies(self) -> tuple[ProxyConfiguration, ...]:
        """The configurations of the gateway's proxies.

        Usually there is one; there is one for each revision or set of labels if these differ.
        """
        if self._gateway_proxies is None:
            found = (self.proxy(pod) for pod in self.facts.pods())
            self._gateway_proxies = tuple({id(each): each for each in found if each is not None}.values())
        return self._gateway_proxies


def routing(facts: Facts) -> Routing:
    """The routing over a run's facts, built once for a gateway."""
    return facts.once("routing", Routing, str(facts.gateway))


def router_of(facts: Facts) -> Router:
    """The router of the cluster, which all gateways share."""
    return facts.once("router", _built)


def _built(facts: Facts) -> Router:
    return Router(
        lambda revision: mesh_of(facts, revision), lambda pod: mesh_of(facts, pod.revision).workloads.gateway_of(pod)
    )
