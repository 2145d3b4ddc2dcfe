"""Reasons why Kubernetes does not run pods: admission webhooks, refused creations, pods that do not start."""
