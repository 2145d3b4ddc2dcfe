"""The static egress gateway of AKS: its StaticGatewayConfiguration and components.

And how to replace or restart them.
"""
