"""The readers of faults, in the order of a route."""

from checks.istio.faults.destinations.conflicting_entries import at_conflicting_entries
from checks.istio.faults.destinations.destination_endpoints import at_endpoints
from checks.istio.faults.destinations.unknown_destination import at_destination
from checks.istio.faults.gateway.gateway_actions import at_gateway_action
from checks.istio.faults.gateway.gateway_route import at_gateway_route
from checks.istio.faults.gateway.gateway_server import at_server
from checks.istio.faults.gateway.not_taken import not_taken
from checks.istio.faults.gateway.server_ports import at_server_port
from checks.istio.faults.gateway.server_protocol import at_server_protocol
from checks.istio.faults.gateway.server_settings import at_server_settings
from checks.istio.faults.gateway.shared_port import at_shared_port
from checks.istio.faults.gateway_api.gateway_api_routes import at_gateway_api
from checks.istio.faults.policies.denied_request import at_authorization
from checks.istio.faults.proved_faults import Reader
from checks.istio.faults.sidecar.client import at_client
from checks.istio.faults.sidecar.destination_name import at_destination_name
from checks.istio.faults.sidecar.double_tls import at_direct_tls
from checks.istio.faults.sidecar.envoy_filter import at_envoy_filter
from checks.istio.faults.sidecar.gateway_service import at_gateway_service
from checks.istio.faults.sidecar.gateway_subset import at_gateway_subset
from checks.istio.faults.sidecar.rewritten_authority import at_rewritten_authority
from checks.istio.faults.sidecar.rules_out_of_reach import rules_out_of_reach
from checks.istio.faults.sidecar.service_entry import at_service_entry
from checks.istio.faults.sidecar.sidecar_route import at_sidecar
from checks.istio.faults.sidecar.sidecar_rules import at_sidecar_rule
from checks.istio.faults.sidecar.unrouted import unrouted
from checks.istio.faults.tls.destination_tls import at_destination_tls
from checks.istio.faults.tls.server_tls import at_server_tls
from checks.istio.faults.tls.undelivered_secrets import at_credential

CLIENT_READERS: tuple[Reader, ...] = (
    at_client,
    at_destination_name,
    at_gateway_service,
    at_gateway_subset,
    at_sidecar,
    at_service_entry,
    at_direct_tls,
    at_sidecar_rule,
    at_envoy_filter,
    rules_out_of_reach,
    unrouted,
)
"""Up to the gateway's Service."""

GATEWAY_READERS: tuple[Reader, ...] = (
    at_rewritten_authority,
    at_server_settings,
    at_server,
    at_gateway_route,
    at_server_port,
    at_server_protocol,
    at_server_tls,
    at_credential,
    at_authorization,
    at_gateway_action,
    at_destination,
    at_endpoints,
    at_destination_tls,
    at_envoy_filter,
    not_taken,
)
"""From the gateway's server to the destination."""

READERS: tuple[Reader, ...] = (
    at_gateway_api,
    at_shared_port,
    at_conflicting_entries,
    *CLIENT_READERS,
    *GATEWAY_READERS,
)
"""All readers."""
