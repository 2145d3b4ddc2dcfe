"""Network: the cluster's network mode, and the NSGs and routes of the gateway node pool."""
