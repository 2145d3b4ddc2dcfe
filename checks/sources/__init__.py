"""The only package that uses the libraries of Kubernetes and Azure.

It reads clusters, bundles and saved files.
"""
