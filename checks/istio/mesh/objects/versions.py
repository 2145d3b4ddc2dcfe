"""Differences between the versions of istiod.

Source: docs/domain/istiod-behaviour.md#versions.
"""

from dataclasses import dataclass

from checks.knowledge.revisions import version_of


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A minor version of Istio."""

    major: int
    minor: int

    @property
    def excludes_hosts(self) -> bool:
        """Whether a Sidecar's `egress.hosts` can exclude hosts with `~`."""
        return self >= _1_31

    @property
    def resolves_on_request(self) -> bool:
        """Whether proxies resolve the hosts of a wildcard ServiceEntry with resolution DYNAMIC_DNS."""
        return self >= _1_30

    @property
    def imports_one_service_by_name(self) -> bool:
        """Whether an egress entry without wildcards imports one service of each host and namespace.

        Before, it imports all of them, as an egress entry with a wildcard does.
        """
        return self >= _1_31

    @property
    def honours_namespaces_beside_private(self) -> bool:
        """Whether a default `exportTo` of the mesh may list namespaces beside `.`."""
        return self >= _1_31

    @property
    def policy_fills_rule(self) -> bool:
        """Whether a BackendTLSPolicy adds what a DestinationRule for its host leaves out.

        Before, the policy applies alone: it has no creation time, so that istiod takes it for the older one.
        """
        return self >= _1_31

    @property
    def prefers_oldest_service(self) -> bool:
        """Whether the kind and the age of services decide for a host that several namespaces have.

        A Kubernetes Service comes first, then the oldest ServiceEntry. Before, the first namespace by name is used.
        """
        return self >= _1_30

    @property
    def listener_protocols(self) -> frozenset[str]:
        """The protocols of listeners of the Gateway API that open a port."""
        found = {"HTTP", "HTTPS"}
        if self >= _1_30:
            found.add("TLS")
        if self >= _1_31:
            found.add("TCP")
        return frozenset(found)

    @property
    def reads_listener_sets(self) -> bool:
        """Whether istiod of this version reads ListenerSets."""
        return self >= _1_30

    @property
    def status_without_backends(self) -> int:
        """The status code of a rule of an HTTPRoute that lists no backend."""
        return 404 if self == _1_30 else 500


_1_30, _1_31 = Version(1, 30), Version(1, 31)

NEWEST = _1_31
"""The version of the istiod code that judges the router."""


def version_of_revision(revision: str) -> Version:
    """The version of a revision such as `asm-1-30`; the newest one for a name of another shape."""
    found = version_of(revision)
    return Version(*found) if found is not None else NEWEST
