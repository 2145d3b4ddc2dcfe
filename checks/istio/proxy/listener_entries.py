"""A listener while it is built, for services that share an address and port.

Their protocols decide how they are combined.

Source: Istio `outboundListenerEntry` in `pilot/pkg/networking/core/listener.go`.
"""

from collections.abc import Iterable

from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.services import MeshPort, MeshService
from checks.istio.proxy.listeners import FilterChain


class ListenerEntry:
    """The chains of a listener; `protocol` is HTTP, TCP or UNSUPPORTED (detected)."""

    def __init__(
        self, bind: str, port: MeshPort, chains: Iterable[FilterChain], protocol: Protocol, service: MeshService
    ) -> None:
        self.bind, self.port, self.protocol, self.service = bind, port, protocol, service
        self.chains = list(chains)
        self._criteria = {each.criteria for each in self.chains}

    def merge(self, chains: Iterable[FilterChain], new: "ListenerEntry | None") -> None:
        """Add the chains of another service: of chains with the same criteria the first one stays."""
        if self._is_well_known_conflict(new):
            return
        for chain in chains:
            if chain.criteria not in self._criteria:
                self._criteria.add(chain.criteria)
                self.chains.append(chain)
        if new is None or new.protocol is not self.protocol:
            self.protocol = Protocol.UNSUPPORTED

    def _is_well_known_conflict(self, new: "ListenerEntry | None") -> bool:
        """Protocols whose server speaks first share their port with no other."""
        first = (Protocol.MONGO, Protocol.MYSQL)
        one, other = self.port.protocol, new.port.protocol if new is not None else self.port.protocol
        return one is not other and (one in first or other in first)
