"""The route of one request: its bytes, followed from proxy to proxy through the configuration of each."""
