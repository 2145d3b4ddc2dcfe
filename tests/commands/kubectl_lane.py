"""Every printed kubectl command on the cluster of its report, in a real API server."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import orjson

from tests.clusters.bundles import Cluster
from tests.commands.printed import Printed
from tests.commands.real_kubectl import Answer, RealKubectl, Result
from tests.commands.suite import Situation
from tests.pasting.shells import COPIED, Call

WITHOUT = ("PodSecurity", "ResourceQuota", "LimitRanger", "Priority", "DefaultTolerationSeconds")
"""Admission plugins that would refuse or change recorded objects."""
_WRITES_FILE = re.compile(r"^[^\n]* > [\w.-]+$")
_WORD = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Tried:
    """One call of a text on one cluster. `after`: it needs the steps before it."""

    situation: str
    printed: Printed
    call: Call
    result: Result
    after: bool = False


def try_all(suite: Iterable[Situation], calls: Mapping[str, Sequence[Call]], kubectl: RealKubectl) -> Iterator[Tried]:
    """Run each text on each cluster on which it can have another result.

    The result depends on the objects that a text names: a text that several reports print about equal objects is run once.
    """
    seen: set[tuple[str, bytes]] = set()
    with ThreadPoolExecutor(3) as pool:
        for number, situation in enumerate(suite, 1):
            if number % 50 == 0:
                print(f"{number} clusters", file=sys.stderr, flush=True)
            fresh = []
            for each in situation.printed:
                key = each.text, _named_objects(situation.cluster, each.text)
                if key not in seen and any(call.words[0] == "kubectl" for call in calls[each.text]):
                    seen.add(key)
                    fresh.append(each)
            if fresh:
                yield from _try(situation, fresh, calls, kubectl, pool)


def _try(
    situation: Situation,
    fresh: Sequence[Printed],
    calls: Mapping[str, Sequence[Call]],
    kubectl: RealKubectl,
    pool: ThreadPoolExecutor,
) -> Iterator[Tried]:
    kubectl.loaded.load(situation.cluster)
    todo = [(each, call) for each in fresh for call in calls[each.text] if _is_complete(call)]
    results = list(pool.map(lambda one: kubectl.run(one[1]), todo))
    _restore(kubectl)
    for (printed, call), result in zip(todo, results, strict=True):
        if result.answer not in (Answer.REFUSED, Answer.UNCHANGED):
            yield Tried(situation.name, printed, call, result)
            continue
        later = _after_steps(printed, call, calls, kubectl)
        if later.answer not in (Answer.REFUSED, Answer.UNCHANGED):
            yield Tried(situation.name, printed, call, later, after=True)
        elif named := [each for each in kubectl.loaded.missing if each in _WORD.findall(printed.text)]:
            yield Tried(situation.name, printed, call, Result(Answer.NOT_LOADED, ", ".join(named)))
        else:
            yield Tried(situation.name, printed, call, result)


def _after_steps(printed: Printed, call: Call, calls: Mapping[str, Sequence[Call]], kubectl: RealKubectl) -> Result:
    """The result after the steps that are printed before the command.

    They are its own action, then all of its finding, then all of the report. A sentence can also name what to keep before
    its action.
    """
    own = (printed.own,) if printed.own else ()
    kept = tuple(each for each in printed.steps if each != printed.own)
    before = calls[printed.text][: calls[printed.text].index(call)]
    result = Result(Answer.REFUSED)
    for steps in dict.fromkeys((own, (*kept, *own), kept, (*printed.earlier, *kept), (*printed.earlier, *kept, *own))):
        if steps or before:
            for step in steps:
                _carry_out(step, calls[step], kubectl)
            _carry_out("", before, kubectl)
            result = kubectl.run(call)
            _restore(kubectl)
            if result.answer not in (Answer.REFUSED, Answer.UNCHANGED):
                return result
    return result


def _is_complete(call: Call) -> bool:
    """Whether it is a call of kubectl that needs no output of another program."""
    return call.words[0] == "kubectl" and (call.input not in ("", COPIED) or "-" not in call.words)


def _carry_out(text: str, calls: Sequence[Call], kubectl: RealKubectl) -> None:
    """Execute the calls, or the text itself if one needs a pipe or writes a file."""
    if _WRITES_FILE.search(text) or not all(_is_complete(each) for each in calls if each.words[0] == "kubectl"):
        kubectl.paste(text)
        return
    for call in calls:
        if call.words[0] == "kubectl":
            kubectl.run(call, dry=False)
            kubectl.loaded.end_namespaces()
        elif "--enable-static-egress-gateway" in call.words:
            kubectl.loaded.install_missing()
            kubectl.dirty = True


def _restore(kubectl: RealKubectl) -> None:
    if kubectl.dirty:
        kubectl.loaded.restore()
        kubectl.dirty = False


def _named_objects(cluster: Cluster, text: str) -> bytes:
    words = set(_WORD.findall(text))
    named = [each for each in cluster.objects if each["metadata"]["name"] in words]
    return hashlib.sha256(orjson.dumps([named, cluster.absent_kinds], option=orjson.OPT_SORT_KEYS)).digest()
