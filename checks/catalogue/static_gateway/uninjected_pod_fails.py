"""EG414: whether a pod outside the mesh reaches the Internet through the configuration. Not probed yet."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import TSG, change, kubectl, kubectl_apply, look
from checks.model.findings import Observation, Severity, skip
from checks.static_egress.procedures import yaml_string

NAME = "static-egress-probe"
_MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
        sidecar.istio.io/inject: "false"
      annotations:
        kubernetes.azure.com/static-gateway-configuration: {configuration}
    spec:
      securityContext:
        runAsNonRoot: true
        runAsUser: 100
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: curl
          image: curlimages/curl
          command: ["sleep", "3600"]
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: ["ALL"]
"""


@check(
    code="EG414",
    title="A pod outside the mesh cannot leave through the configuration",
    severity=Severity.BLOCKS,
    article=("SEG-5",),
    reads=(StaticGatewayConfiguration,),
)
def uninjected_pod_fails(facts: Facts) -> Iterator[Observation]:
    """What it checks: nothing yet. It offers the article's second request: from a pod without a sidecar that carries the
    same annotation.

    Why it matters: it tells the two layers apart. Where the request fails, the static egress gateway is at fault; where it
    succeeds from an address of the prefix, look at the Istio configuration.

    What usually fixes it: what the other static gateway checks name, or the Istio checks.

    Source: article SEG-5."""
    gateway = facts.gateway
    found = facts.readable(StaticGatewayConfiguration, gateway.namespace)
    prefix = next((c.egress_prefix for c in found if c.name == gateway.configuration and c.egress_prefix), "")
    inside = f"an address of {prefix}" if prefix else "an address of the egress prefix"
    configuration = gateway.configuration or "CONFIGURATION"
    manifest = _MANIFEST.format(
        name=NAME, namespace=yaml_string(gateway.namespace), configuration=yaml_string(configuration)
    )
    note = "" if gateway.configuration else "; write the configuration's name for CONFIGURATION"
    yield skip(
        "No request is made from a pod outside the mesh; the commands below make one.",
        actions=[
            change(
                f"Start a pod without sidecar and with the gateway's annotation (goes round mesh policy{note})",
                kubectl_apply(manifest),
                TSG,
                "the pod is Running; where Docker Hub is blocked, use an image with curl from a registry of your own",
            ),
            look(
                f"Ask from it which address a destination sees: with {inside} look at the Istio configuration, with another "
                "or none at the static egress gateway",
                kubectl(
                    "exec",
                    f"deploy/{NAME}",
                    *("-n", gateway.namespace, "--", "curl", "-sS", "-m", "10", "https://ifconfig.me"),
                ),
                TSG,
            ),
            change("Delete the pod again", kubectl("delete", "deployment", NAME, namespace=gateway.namespace), TSG),
        ],
    )
