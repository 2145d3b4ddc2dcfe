"""The router over the facts of a run: which proxies carry its requests, and the outcome of each request."""

from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.mesh.mesh import Mesh, mesh_of
from checks.istio.request.asked import AskedRequest
from checks.istio.request.outcome import RequestOutcome
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.resolve import Router


class Routing:
    """The routes of requests over one state of the facts, for the gateway of the run."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.gateway = str(facts.gateway)
        self._services = {
            each.namespace: [other for other in _gateway_services(facts) if other.namespace == each.namespace]
            for each in _gateway_services(facts)
        }
        self._router = Router(self.mesh, self._gateway_of)
        self._outcomes: dict[tuple[object, ...], RequestOutcome] = {}

    def mesh(self, revision: str) -> Mesh:
        """The mesh as a revision's istiod reads it."""
        return mesh_of(self.facts, revision)

    def outcome(self, request: AskedRequest) -> RequestOutcome:
        """The outcome of a request. Raises Unreadable if an object that decides it could not be read."""
        key = (request.clients.pod.key, request.scheme, request.host, request.port, request.path, request.headers)
        if key not in self._outcomes:
            self._outcomes[key] = self._router.send(request.clients.pod, request.connection, self.gateway, request.host)
        return self._outcomes[key]

    def proxy(self, pod: Pod) -> ProxyConfiguration | None:
        """The configuration of a pod's proxy; None if it has none."""
        return self._router.configuration(self.mesh(pod.revision), pod)

    def gateway_proxies(self) -> tuple[ProxyConfiguration, ...]:
        """The configurations of the gateway's proxies: one, or one for each revision or set of labels."""
        found = (self.proxy(pod) for pod in self.facts.pods())
        return tuple({id(each): each for each in found if each is not None}.values())

    def _gateway_of(self, pod: Pod) -> str:
        for each in self._services.get(pod.namespace, ()):
            if all(pod.labels.get(key) == value for key, value in each.selector.items()):
                return f"{each.namespace}/{each.name}"
        return ""


def routing(facts: Facts) -> Routing:
    """The routing over a run's facts, built once for a gateway."""
    return facts.once("routing", Routing, str(facts.gateway))


def _gateway_services(facts: Facts) -> tuple[Service, ...]:
    return tuple(
        each for each in facts.all(Service) if each.labels.get(COMPONENT_LABEL) == "egress-gateway" and each.selector
    )
