"""The configuration that istiod generates for one proxy, in Envoy's terms.

It consists of listeners, filter chains, routes, clusters, endpoints and TLS contexts.
"""
