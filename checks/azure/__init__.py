"""Azure around a static egress gateway: its node pool's subnet, security rules and routes."""
