"""The configuration that istiod generates for one proxy, in Envoy's terms: listeners, routes, clusters, TLS."""
