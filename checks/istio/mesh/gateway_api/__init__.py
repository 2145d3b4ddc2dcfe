"""The Gateway API as istiod reads it: its listeners become Gateways, its routes VirtualServices, its policies DestinationRules.

Source: Istio `pilot/pkg/config/kube/gateway`, `pilot/pkg/config/kube/gatewaycommon`."""
