"""The static egress gateway of AKS: its StaticGatewayConfiguration, its components, and how to replace or restart them."""
