"""Every printed command, collected, pasted, and given to the real programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import orjson

from tests.clusters.compose import named
from tests.commands.azure_cli import body_of, refusals
from tests.commands.documented import ROOT, pages, pasted, spans
from tests.commands.egress_diag import refusal
from tests.commands.kubectl_lane import WITHOUT, Tried, try_all
from tests.commands.loaded import LoadedServer
from tests.commands.outcome import Outcome, Refusal
from tests.commands.pasted import calls_of
from tests.commands.printed import Printed
from tests.commands.real_kubectl import Answer, RealKubectl
from tests.commands.suite import CONTEXT, Situation, situations
from tests.loopback.apiserver import ApiServer
from tests.pasting.shells import Call

Calls = Mapping[str, Sequence[Call]]
DOCUMENT = "page "
"""The beginning of the names of situations that are pages."""
_MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: default}\n"
"""A manifest of the reader, in the folder that commands name by a variable."""


def run(assets: Path, definitions: Path, azure_cli: Path, folder: Path, only: str = "") -> Outcome:
    """The outcome of all commands of the situations and pages whose name contains a word."""
    suite = [*situations(only), *(each for each in documented() if only in each.name)]
    (folder / "bin").mkdir()
    (folder / "manifests").mkdir()
    (folder / "manifests" / "one.yaml").write_text(_MANIFEST)
    texts = (text for each in suite for one in each.printed for text in (one.text, one.own, *one.steps) if text)
    calls = calls_of(texts, folder / "bin")
    not_run = [Refusal("", text, "bash makes no call of it") for text, made in calls.items() if not made]
    azure, refused = _azure(suite, calls, azure_cli, folder)
    own, also = _own(suite, calls)
    with ApiServer(assets, folder, without=WITHOUT) as server:
        loaded = LoadedServer(server, definitions)
        kubectl = RealKubectl(assets / "kubectl", loaded, folder, [CONTEXT, *_further_contexts(calls)])
        tried = [_judged(each) for each in try_all(suite, calls, kubectl)]
        unloaded = [f"{name}: {why}" for name, why in sorted(loaded.refused.items())]
    return Outcome(tried, azure, own, [*not_run, *refused, *also], unloaded)


def _further_contexts(calls: Calls) -> list[str]:
    """The contexts of clusters that the printed steps create and sign in to."""
    words = (call.words for made in calls.values() for call in made)
    added = (each for each in words if each[:3] == ("az", "aks", "get-credentials"))
    named = {value for each in added for option, value in pairwise(each) if option == "--context"}
    return sorted(named - {CONTEXT})


def documented() -> Iterator[Situation]:
    """The pages with the commands that they show, about the healthy cluster."""
    for page in pages():
        shown = [Printed(each) for each in pasted(page)] + [Printed(each, quoted=True) for each in spans(page)]
        if shown:
            yield Situation(f"{DOCUMENT}{page.relative_to(ROOT)}", named("base"), tuple(dict.fromkeys(shown)))


def _judged(tried: Tried) -> Tried:
    """A page names objects of its reader, and a sentence can name a command without its object."""
    about_reader = tried.situation.startswith(DOCUMENT) and bool(_OF_READER.search(tried.result.message))
    incomplete = tried.printed.quoted and bool(_INCOMPLETE.search(tried.result.message))
    placeholder = bool(_PLACEHOLDER.search(tried.result.message))
    if tried.result.answer is Answer.REFUSED and (about_reader or incomplete or placeholder):
        return replace(tried, result=replace(tried.result, answer=Answer.READ))
    return tried


_OF_READER = re.compile(r"NotFound|namespaces \S+ not found|no objects passed|not a valid directory")
_PLACEHOLDER = re.compile(r'(?<!\w)"[A-Z][A-Z_]+" not found')
"""The name that a title asks its reader to replace."""
_INCOMPLETE = re.compile(r"required|must specify|expected one argument")
"""The messages about a command that lacks arguments."""


def _azure(suite: Iterable[Situation], calls: Calls, place: Path, folder: Path) -> tuple[int, list[Refusal]]:
    asked: dict[bytes, tuple[Situation, Printed, tuple[str, ...], object]] = {}
    for situation in suite:
        for printed in situation.printed:
            for call in calls[printed.text]:
                if call.words[0] == "az":
                    body = body_of(call.words[1:], situation.cluster)
                    key = orjson.dumps([call.words, body], option=orjson.OPT_SORT_KEYS)
                    asked.setdefault(key, (situation, printed, call.words[1:], body))
    tables = folder / "azure"
    tables.mkdir()
    found = refusals([(words, body) for *_, words, body in asked.values()], place, tables)
    wrong = [
        Refusal(situation.name, printed.text, f"azure-cli: {message}")
        for (situation, printed, _, _), message in zip(asked.values(), found, strict=True)
        if message and not (printed.quoted and _INCOMPLETE.search(message))
    ]
    return len({words for _, _, words, _ in asked.values()}), wrong


def _own(suite: Iterable[Situation], calls: Calls) -> tuple[int, list[Refusal]]:
    asked: dict[tuple[str, ...], tuple[Situation, Printed]] = {}
    for situation in suite:
        for printed in situation.printed:
            for call in calls[printed.text]:
                if call.words[0] == "egress-diag" and not printed.quoted:
                    asked.setdefault(call.words, (situation, printed))
    wrong = []
    for words, (situation, printed) in asked.items():
        message = refusal(words[1:])
        if message:
            wrong.append(Refusal(situation.name, printed.text, f"egress-diag: {message}"))
    return len(asked), wrong
