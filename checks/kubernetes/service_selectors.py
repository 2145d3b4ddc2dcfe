"""The selector with which a Service selects the pods of a workload."""

import json

from checks.facts.services import Service
from checks.facts.workloads import Deployment
from checks.kubernetes.ownership import with_owner
from checks.model.commands import change, kubectl
from checks.model.findings import Action


def patch_selector(service: Service, deployment: Deployment) -> Action:
    """Patch the Service to select the Deployment's pods.

    Labels of the selector that these pods lack are corrected or removed; matchLabels of the Deployment are the most stable.
    """
    labels = deployment.template_labels
    kept = {key: labels[key] for key in service.selector if key in labels}
    stable = deployment.selector.get("matchLabels")
    wanted = kept or {key: labels[key] for key in (stable if isinstance(stable, dict) else labels) if key in labels}
    removed = dict.fromkeys(key for key in service.selector if key not in wanted)
    patch = json.dumps({"spec": {"selector": {**wanted, **removed}}})
    command = kubectl("patch", "service", service.name, "--type", "merge", "-p", patch, namespace=service.namespace)
    title = f"Patch {service.ref} to select the pods of {deployment.ref}"
    return with_owner(change(title, command, expect="the Service has a ready endpoint"), service)
