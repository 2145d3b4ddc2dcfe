"""Commands that run a program of a node's own file system, or of a pod's network.

`kubectl debug` leaves the pod or the container that it creates.
"""

from checks.facts.pods import Pod
from checks.model.commands import kubectl

_DEBUG_IMAGE = "mcr.microsoft.com/azurelinux/busybox:1.36"


def on_node(node: str, *words: str) -> str:
    """Run a program of the node as its root user."""
    options = ("-it", f"--image={_DEBUG_IMAGE}", "--profile=sysadmin")
    return kubectl("debug", f"node/{node}", *options, "--", "chroot", "/host", *words)


def in_pod_network(pod: Pod, *words: str) -> str:
    """Run a program of BusyBox in the network of a pod."""
    options = ("-it", f"--image={_DEBUG_IMAGE}", "-n", pod.namespace)
    return kubectl("debug", pod.name, *options, "--", *words)
