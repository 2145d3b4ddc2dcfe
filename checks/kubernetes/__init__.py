"""Reasons why Kubernetes does not run pods.

Admission webhooks, refused creations, pods that do not start.
"""
