"""The configuration of an egress gateway: its Gateways, routing rules and hosts."""
