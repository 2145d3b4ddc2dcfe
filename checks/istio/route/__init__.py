"""How Istio routes outbound traffic, as pure functions over facts: hosts, visibility, routes, clusters, TLS."""
