"""Every command of every incident runs when it is pasted, without waiting or an error."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from checks.model.findings import Report
from tests.incidents.incidents import Incident, incidents
from tests.pasting.printed import from_json, from_markdown, from_slack, from_text
from tests.pasting.shells import Call, Pasted, paste, stand_ins
from tests.recordings import diagnosed, question

SHELLS = {
    # History expansion is on in an interactive bash: an exclamation mark outside quotes would be replaced.
    "bash": ["/bin/bash", "--norc", "--noprofile", "-o", "history", "-H"],
    "dash": ["dash"],
    "zsh": ["zsh", "-f"],
}
FORMATS: dict[str, Callable[[Report], Iterator[str]]] = {
    "text": from_text,
    "markdown": from_markdown,
    "json": from_json,
    "slack": from_slack,
}
PROGRAMS = ("kubectl", "az", "egress-diag", "istioctl", "helm")


@cache
def reports() -> tuple[Report, ...]:
    return tuple(_report(each) for each in incidents() if "ambiguous" not in each.expect)


def _report(incident: Incident) -> Report:
    expect = incident.expect
    wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    named = replace(wanted, cluster=replace(wanted.cluster, context="prod-weu"))
    return diagnosed(incident.cluster, named).finish(0.0)


@cache
def pasted_texts(form: str) -> tuple[str, ...]:
    """The different texts that people paste from one format."""
    return tuple(dict.fromkeys(text for report in reports() for text in FORMATS[form](report)))


def run(shell: str, texts: tuple[str, ...], folder: Path) -> Pasted:
    program = shutil.which(SHELLS[shell][0])
    if program is None:
        pytest.skip(f"{shell} is not installed")
    return paste([program, *SHELLS[shell][1:]], texts, stand_ins(folder, PROGRAMS))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_runs_as_it_is_pasted(shell: str, form: str, tmp_path: Path) -> None:
    texts = pasted_texts(form)
    assert len(texts) > 150
    result = run(shell, texts, tmp_path)
    # grep ends with 1 if no line matches: the programs of this test print none.
    wrong = {text: result.ended.get(n) for n, text in enumerate(texts) if result.ended.get(n) not in _codes(text)}
    assert wrong == {}
    assert result.errors == ""
    assert [problem for call in result.calls for problem in problems(call)] == []


def _codes(text: str) -> tuple[int, ...]:
    return (0, 1) if "| grep" in text else (0,)


def test_all_formats_print_the_same_commands() -> None:
    """Indentation is the only difference between them."""
    printed = {form: {text.strip() for text in pasted_texts(form)} for form in FORMATS}
    assert printed["text"] <= printed["json"]
    assert printed["slack"] == printed["json"]
    assert printed["text"] <= printed["markdown"]


def problems(call: Call) -> Iterator[str]:
    """The reasons why kubectl or az would refuse a call."""
    program, *words = call.words
    if program == "kubectl":
        yield from _kubectl_problems(words, call.input)
    elif program == "az" and not words:
        yield "az without a command"


def _kubectl_problems(words: list[str], read: str) -> Iterator[str]:
    shown = f"kubectl {' '.join(words)}"
    if words[:1] != ["--context"]:
        yield f"{shown}: no context"
        return
    if "--" in words and {"-n", "--namespace"} & set(words[words.index("--") :]):
        yield f"{shown}: the program in the pod gets kubectl's namespace"
    if "apply" in words[2:3] and words[words.index("-f") + 1] == "-":
        documents = list(yaml.safe_load_all(read))
        if not documents or not all({"apiVersion", "kind", "metadata"} <= set(each) for each in documents):
            yield f"{shown}: the input is not a manifest: {read}"
    if "-p" in words:
        try:
            json.loads(words[words.index("-p") + 1])
        except ValueError as wrong:
            yield f"{shown}: {wrong}"


@pytest.mark.parametrize(
    "text",
    [
        "        kubectl apply -f - <<'EOF'\n        a: b\n        EOF",
        'kubectl patch deployment x -p \'{"a": 1}',
        "kubectl get \u201cpods\u201d | (",
    ],
)
def test_a_text_that_makes_the_shell_wait_is_noticed(text: str, tmp_path: Path) -> None:
    result = run("bash", (text, "kubectl --context a get pods"), tmp_path)
    assert result.ended.get(0) != 0
    assert result.ended.get(1) != 0 or result.errors
