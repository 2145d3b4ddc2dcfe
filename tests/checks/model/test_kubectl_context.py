"""A pasted command changes the diagnosed cluster, whichever cluster is current."""

import pytest

from checks.model.kubectl_context import command_in_context, sentence_in_context, without_context

APPLY = """kubectl apply -f - <<'EOF'
metadata:
  annotations:
    note: |
      kubectl get pods
      it's here; kubectl delete is not run
EOF"""


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("kubectl get pods -n pay", "kubectl --context aks1 get pods -n pay"),
        (
            "kubectl logs -l app=istiod | grep -E 'kubectl|nack'",
            "kubectl --context aks1 logs -l app=istiod | grep -E 'kubectl|nack'",
        ),
        (
            "kubectl get secret a -o yaml | sed 's/x/y/' | kubectl apply -f -",
            "kubectl --context aks1 get secret a -o yaml | sed 's/x/y/' | kubectl --context aks1 apply -f -",
        ),
        (
            "kubectl create ns a && kubectl label ns a b=c\nkubectl get ns",
            "kubectl --context aks1 create ns a && kubectl --context aks1 label ns a b=c\nkubectl --context aks1 get ns",
        ),
        (APPLY, APPLY.replace("kubectl apply", "kubectl --context aks1 apply", 1)),
        # A pod runs this one; it has no such context.
        (
            "az aks command invoke --name aks1 --command 'kubectl get pods -A'",
            "az aks command invoke --name aks1 --command 'kubectl get pods -A'",
        ),
        ("kubectl exec a -- sh -c 'kubectl version'", "kubectl --context aks1 exec a -- sh -c 'kubectl version'"),
        (
            """kubectl patch a b -p '"kubectl get x"' --name "$(kubectl get a -o name)" """,
            """kubectl --context aks1 patch a b -p '"kubectl get x"' --name "$(kubectl --context aks1 get a -o name)" """,
        ),
        ("egress-diag diagnose prod egw", "egress-diag diagnose prod egw"),
        ("kubectl --context other get pods", "kubectl --context other get pods"),
    ],
)
def test_each_kubectl_command_names_the_cluster(command: str, printed: str) -> None:
    assert command_in_context(command, "aks1") == printed
    assert command_in_context(printed, "aks1") == printed
    assert without_context(printed) == command.replace("--context other ", "")


def test_a_context_with_other_characters_is_one_word() -> None:
    arn = "arn:aws:eks:eu-west-1:1:cluster/a b"
    printed = command_in_context("kubectl get nodes", arn)
    assert printed == f"kubectl --context '{arn}' get nodes"
    assert without_context(printed) == "kubectl get nodes"


def test_an_unknown_context_adds_nothing() -> None:
    assert command_in_context("kubectl get nodes", "") == "kubectl get nodes"


def test_a_sentence_names_the_cluster_in_the_commands_that_it_quotes() -> None:
    sentence = "`kubectl get crd` lists it; kubectl edit opens it, and `az aks show` shows it"
    assert sentence_in_context(sentence, "aks1") == sentence.replace("`kubectl get", "`kubectl --context aks1 get")
