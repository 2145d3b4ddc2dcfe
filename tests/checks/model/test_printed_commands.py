"""Options of a printed command belong to kubectl, and words after `--` to the pod."""

from checks.model.commands import kubectl


def test_the_namespace_is_not_an_argument_of_the_program_in_the_pod() -> None:
    asked = kubectl("exec", "deployment/egw", "-c", "istio-proxy", "--", "pilot-agent", "request", namespace="payments")
    assert asked == "kubectl exec deployment/egw -c istio-proxy -n payments -- pilot-agent request"
    assert kubectl("get", "pods", namespace="payments") == "kubectl get pods -n payments"
