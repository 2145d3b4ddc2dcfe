"""The program calls of printed texts, as bash makes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.commands.printed import VARIABLE
from tests.pasting.shells import Call, paste, stand_ins

PROGRAMS = ("kubectl", "az", "egress-diag", "istioctl", "helm", "jq", "curl")
_NEXT = "next-text"
_OUTPUT = "/subscriptions/0/resourceGroups/rg1/providers/Microsoft.Network/publicIPAddresses/one"
"""The output of az, where another command uses it: the ID of a resource."""
_RULE = "/subscriptions/0/resourceGroups/rg1/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/one"
"""The output of a list of security rules, by the IDs of which another command deletes them."""
VALUES = {
    "ADDRESS": "20.81.113.9",
    "CONFIGURATION": "sgc",
    "GATEWAY": "egw",
    "LOCK_LEVEL": "CanNotDelete",
    "NAMESPACE": "team-egress",
    "PREFIX_ID": "/subscriptions/0/resourceGroups/rg1/providers/Microsoft.Network/publicIPPrefixes/prefix",
    "RESOURCE_GROUP": "rg1",
    "REVISION": "asm-1-30",
}
"""The variables that a reader sets; others have their name in lower case as their value."""


def calls_of(texts: Iterable[str], folder: Path) -> dict[str, tuple[Call, ...]]:
    """The calls of each text, pasted into one bash. A text that bash does not accept has none."""
    asked = list(dict.fromkeys(texts))
    variables = {each for text in asked for each in VARIABLE.findall(text)}
    given = "; ".join(f"export {each}={shlex.quote(VALUES.get(each, each.lower()))}" for each in sorted(variables))
    pasted = [given or ":"]
    for text in asked:
        pasted += [_NEXT, text]
    stand_ins(folder, (*PROGRAMS, _NEXT))
    with (folder / "az").open("a", encoding="utf-8") as az:
        az.write(f'case "$*" in *securityRules*) echo {_RULE} ;; *) echo {_OUTPUT} ;; esac\n')
    done = paste(["/bin/bash", "--norc", "--noprofile"], pasted, folder)
    found: list[list[Call]] = []
    for call in done.calls:
        if call.words[0] == _NEXT:
            found.append([])
        else:
            found[-1].append(call)
    assert len(found) == len(asked), done.errors
    inner = [each for calls in found for call in calls for each in _in_cluster(call)]
    within = calls_of(inner, folder) if inner else {}
    return {
        text: (*calls, *(each for call in calls for text in _in_cluster(call) for each in within[text]))
        for text, calls in zip(asked, found, strict=True)
    }


def _in_cluster(call: Call) -> Iterator[str]:
    """The command that `az aks command invoke` runs in a pod of the cluster."""
    if call.words[:4] == ("az", "aks", "command", "invoke") and "--command" in call.words:
        yield call.words[call.words.index("--command") + 1]
