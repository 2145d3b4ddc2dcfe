"""The only package that knows Kubernetes and Azure.

It reads clusters, bundles and saved files.
"""
