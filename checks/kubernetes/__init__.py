"""Why Kubernetes does not run what was asked of it: admission webhooks, refused creations, pods that do not start."""
