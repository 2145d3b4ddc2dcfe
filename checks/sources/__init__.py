"""The only package that knows Kubernetes and Azure: it reads clusters, bundles and saved files."""
