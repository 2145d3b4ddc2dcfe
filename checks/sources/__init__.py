"""The only place that knows Kubernetes and Azure: sources read, everything else reasons."""
