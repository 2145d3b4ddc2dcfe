"""The Gateway API as istiod reads it.

Listeners become Gateways, routes become VirtualServices, and policies become DestinationRules.

Source: Istio `pilot/pkg/config/kube/gateway`, `pilot/pkg/config/kube/gatewaycommon`.
"""
