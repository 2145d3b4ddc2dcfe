"""The route of one request.

Its bytes are followed from proxy to proxy through the configuration of each.
"""
