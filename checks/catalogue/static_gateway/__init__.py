"""Static egress gateway: the StaticGatewayConfiguration, its prefix, its node pool and the data plane."""
