"""Static egress gateway: StaticGatewayConfiguration, prefix, node pool and data plane."""
