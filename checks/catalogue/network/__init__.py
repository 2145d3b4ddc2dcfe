"""Network: what the cluster's network mode and the rules around the gateway pool allow."""
