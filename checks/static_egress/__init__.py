"""The static egress gateway of AKS: its StaticGatewayConfiguration and components.

The package also knows how to replace or restart them.
"""
