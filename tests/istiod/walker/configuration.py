"""One proxy's configuration, indexed by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.istiod.walker.matching import Json


class ProxyConfiguration:
    """The configuration that istiod pushes to one proxy."""

    def __init__(self, name: str, kind: str, identity: str, pushed: Json) -> None:
        self.name = name  # namespace/pod
        self.kind = kind  # sidecar or router
        self.identity = identity  # the SPIFFE identity of its workload certificate
        self.listeners: Sequence[Json] = [each for each in pushed["listeners"] if "error" not in each]
        self.routes: Mapping[str, Json] = {each["name"]: each for each in pushed["routes"]}
        self.clusters: Mapping[str, Json] = {each["name"]: each for each in pushed["clusters"]}
        self.endpoints: Mapping[str, Json] = {each["cluster_name"]: each for each in pushed["endpoints"]}
        self.secrets: Mapping[str, Sequence[str]] = pushed.get("secrets") or {}
        self.names: Mapping[str, Sequence[str]] = pushed.get("names") or {}
        self._domains: dict[int, dict[str, Json]] = {}

    def domains(self, route_configuration: Json) -> Mapping[str, Json]:
        """The virtual host of each domain of a route configuration."""
        found = self._domains.get(id(route_configuration))
        if found is None:
            found = {}
            for host in route_configuration.get("virtual_hosts", ()):
                for domain in host["domains"]:
                    found.setdefault(domain.lower(), host)
            self._domains[id(route_configuration)] = found
        return found

    def entry(self) -> Json | None:
        """The listener that intercepted outbound connections arrive at."""
        return next((each for each in self.listeners if each["name"] == "virtualOutbound"), None)

    def missing_secret(self, context: Json) -> str | None:
        """The first secret of a TLS context that istiod does not deliver."""
        common = context.get("common_tls_context", {})
        wanted = [(each["name"], "certificate") for each in common.get("tls_certificate_sds_secret_configs", ())]
        contexts = (common, common.get("combined_validation_context", {}))
        authority = "validation_context_sds_secret_config"
        wanted += [(each[authority]["name"], "authority") for each in contexts if authority in each]
        for name, part in wanted:
            if name.startswith("invalid://") or (name in self.secrets and part not in self.secrets[name]):
                return str(name)
        return None
