"""EG414: a pod outside the mesh cannot use the static egress gateway.

The check evaluates the result of a probe; without one it offers the commands that send the request.
"""

from collections.abc import Iterator

from checks.actions.plan import ActionKind
from checks.actions.probe_evidence import PROBE_READS, probe_observation
from checks.engine.check import check
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import TSG, change, inspect, kubectl, kubectl_apply
from checks.model.findings import Observation, Severity, skip
from checks.static_egress.configuration_yaml import yaml_string
from checks.static_egress.procedures import describe

_PROBE = "static-egress-probe"
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
    title="A pod outside the mesh cannot use the static egress gateway",
    severity=Severity.BLOCKS,
    article=("SEG-5",),
    reads=PROBE_READS,
    explains={"source-address-wrong": "the pods of the gateway use the same static egress gateway"},
)
def uninjected_pod_fails(facts: Facts) -> Iterator[Observation]:
    """What it checks: the result of the last probe from a pod outside the mesh (`egress-diag probe`) of the last hour. The
    pod has the gateway's annotation and no sidecar. It fails if no connection could be made, if the pod got no network, and
    if a destination returned an address outside the egress IP prefix. A result about another StaticGatewayConfiguration,
    prefix or specification is not used. Without a probe it does not apply, and offers the
    article's second request.

    Why it matters: it distinguishes the two layers. If the request fails, the static egress gateway is at fault. If it
    succeeds from an address of the prefix, the Istio configuration is at fault.

    What usually fixes it: the fixes of the other static gateway checks, or of the Istio checks.

    Source: article SEG-5."""
    gateway = facts.gateway
    found = facts.readable(StaticGatewayConfiguration, gateway.namespace)
    prefix = next((c.egress_prefix for c in found if c.name == gateway.configuration and c.egress_prefix), "")
    expected = f"an address of {prefix}" if prefix else "an address of the egress IP prefix"
    configuration = gateway.configuration or "CONFIGURATION"
    manifest = _MANIFEST.format(
        name=_PROBE, namespace=yaml_string(gateway.namespace), configuration=yaml_string(configuration)
    )
    note = "" if gateway.configuration else "; replace CONFIGURATION with the name of the StaticGatewayConfiguration"
    by_hand = [
        change(
            f"Create a Deployment whose pod has the gateway's annotation and no sidecar (bypasses mesh policy{note})",
            kubectl_apply(manifest),
            TSG,
            "the pod is Running; if Docker Hub is blocked, use an image with curl from your own registry",
        ),
        inspect(
            "Show which source IP address a destination sees from it",
            kubectl(
                "exec",
                f"deploy/{_PROBE}",
                *("-n", gateway.namespace, "--", "curl", "-sS", "-m", "10", "https://ifconfig.me"),
            ),
            TSG,
            f"{expected} means that the Istio configuration is at fault; another address, or none, means the static egress "
            "gateway",
        ),
        change("Delete this Deployment", kubectl("delete", "deployment", _PROBE, namespace=gateway.namespace), TSG),
    ]
    to_fix = [describe(each) for each in found if each.name == gateway.configuration]
    yield probe_observation(facts, ActionKind.PROBE_POD, by_hand, to_fix) or skip(
        "A request from a pod outside the mesh is not probed; the commands of this check make one.", actions=by_hand
    )
