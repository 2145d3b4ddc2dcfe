"""The collection of printed commands, and what their programs' answers mean."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks.model.commands import change, kubectl
from checks.model.findings import Action
from tests.commands.documented import ROOT, pasted, spans
from tests.commands.egress_diag import refusal
from tests.commands.outcome import Outcome
from tests.commands.pasted import calls_of
from tests.commands.printed import Printed, printed_in
from tests.commands.real_kubectl import Answer, result_of


@dataclass(frozen=True)
class Part:
    """A part of a report with a field that no printed value has today."""

    actions: tuple[Action, ...]
    later: str = "kubectl get pods"


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]


def test_commands_are_found_in_every_field_with_the_steps_before_them() -> None:
    apply = kubectl("apply", "-f", "a.yaml")
    first = change(
        "Apply it", apply, expect="`kubectl get a` shows it", verify="kubectl get a", undo="kubectl delete a"
    )
    second = change("Change it", kubectl("patch", "a", "b"))
    found = list(printed_in(Whole((Part((first, second)),))))
    assert found == [
        Printed(apply),
        Printed("kubectl get a", apply, (apply,), quoted=True),
        Printed("kubectl get a", apply, (apply,)),
        Printed("kubectl delete a", apply, (apply,)),
        Printed("kubectl patch a b", "", (apply,)),
        Printed("kubectl get pods", "", (apply, "kubectl patch a b")),
    ]


def test_an_ellipsis_is_no_command() -> None:
    assert list(printed_in(("egress-diag diagnose … --host a.example", "Run `kubectl get …` again"))) == []


def test_bash_makes_the_calls_of_a_text(tmp_path: Path) -> None:
    piped = "kubectl create secret generic a | kubectl apply -f -"
    inner = "az aks command invoke --name a --command 'kubectl get pods -n \"x y\"'"
    unset = 'az aks start --name "${GATEWAY:?}" --group $RESOURCE_GROUP'
    found = calls_of([piped, inner, unset], tmp_path)
    assert sorted(call.words for call in found[piped]) == [
        ("kubectl", "apply", "-f", "-"),
        ("kubectl", "create", "secret", "generic", "a"),
    ]
    assert found[inner][1].words == ("kubectl", "get", "pods", "-n", "x y")
    assert found[unset][0].words == ("az", "aks", "start", "--name", "egw", "--group", "rg1")


@pytest.mark.parametrize(
    ("verb", "code", "out", "err", "expected"),
    [
        ("patch", 0, "deployment.apps/a patched (server dry run)", "", Answer.CHANGED),
        ("patch", 0, "deployment.apps/a patched (no change)", "", Answer.UNCHANGED),
        ("apply", 0, "service/a unchanged (server dry run)", "", Answer.UNCHANGED),
        ("label", 0, "namespace/a not labeled (server dry run)", "", Answer.UNCHANGED),
        ("get", 0, "NAME", "", Answer.READ),
        ("get", 1, "", 'Error from server (NotFound): pods "a" not found', Answer.REFUSED),
        ("exec", 1, "", "error: no preferred addresses found; known addresses: []", Answer.KUBELET),
        ("wait", 1, "", "error: timed out waiting for the condition", Answer.WAITED),
        ("get", 1, "", "error: timed out waiting for the condition", Answer.REFUSED),
        ("auth", 1, "no", "", Answer.READ),
    ],
)
def test_an_answer_of_kubectl_is_classified(verb: str, code: int, out: str, err: str, expected: Answer) -> None:
    assert result_of(verb, subprocess.CompletedProcess([], code, out, err)).answer is expected


def test_the_command_line_parses_its_own_commands() -> None:
    assert refusal(["diagnose", "aks1", "team-egress/egw", "--host", "a.example"]) == ""
    assert "No such option" in refusal(["diagnose", "aks1", "egw", "--hots", "a.example"])
    assert refusal(["diagnos"]) == "no command diagnos"


def test_the_pages_contain_commands() -> None:
    install = list(pasted(ROOT / "docs/install.md"))
    assert "kubectl create namespace egress-diag" in install
    assert "az account show --query id -o tsv" in install
    assert "az aks update --enable-oidc-issuer --enable-workload-identity" in list(spans(ROOT / "docs/install.md"))
    assert not any("…" in each for each in spans(ROOT / "docs/domain/decision-tables.md"))


def test_an_outcome_without_refusals_has_no_problems() -> None:
    assert list(Outcome([], 1, 2, [], []).lines())[-1] == "refused: 0"
