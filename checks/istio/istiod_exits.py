"""The fix of an istiod that exits, by the error that its log ends with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import IstiodLog
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.shared_settings import shared_settings
from checks.knowledge.istiod_errors import ExitFix, exit_errors, istiod_exit
from checks.model.commands import ADDON, MESHCFG, PLUGIN_CA, change, kubectl, reconcile
from checks.model.findings import Action, Evidence


@dataclass(frozen=True, slots=True)
class LoggedExit:
    """The error with which istiod exits: its meaning and fixes.

    They are "" and () if the error is not known.
    """

    meaning: str
    evidence: tuple[Evidence, ...]
    fixes: tuple[Action, ...]


def logged_exit(facts: Facts, pods: Sequence[Pod], revision: str) -> LoggedExit | None:
    """The error in the logs of these pods; None if no log was read or has an error.

    Requires IstiodLog declared.
    """
    keys = {each.key for each in pods}
    logs = [each for each in facts.readable(IstiodLog, ROOT_NAMESPACE) if each.key in keys]
    for log in logs:
        if errors := exit_errors(log):
            known, line = istiod_exit(errors)
            evidence = Evidence(log.ref, "last error", line.message.replace("\t", " "))
            if known is None:
                return LoggedExit("", (evidence,), ())
            return LoggedExit(known.meaning, (evidence,), tuple(_fixes(facts, known.fix, pods, revision)))
    return None


def _fixes(facts: Facts, fix: ExitFix, pods: Sequence[Pod], revision: str) -> Iterator[Action]:
    ready = "istiod's pods are Ready within five minutes, when the kubelet starts them again"
    match fix:
        case ExitFix.RECONCILE:
            yield reconcile(facts.cluster, "restores istiod's roles and role bindings", ADDON, ready)
        case ExitFix.CERTIFICATES:
            yield change(
                "Renew the CA certificate, key and chain in the key vault of the add-on's plug-in CA settings",
                url=PLUGIN_CA,
                expect=ready,
            )
        case ExitFix.MESH_CONFIGURATION:
            edit = kubectl("edit", "configmap", shared_settings(revision), namespace=ROOT_NAMESPACE)
            yield change("Correct the field that the error names in the mesh configuration", edit, MESHCFG, ready)
        case ExitFix.API_SERVER:
            names = [each.name for each in pods]
            yield change(
                f"Delete {' and '.join(names)}: new pods get a new network, and may start on another node",
                kubectl("delete", "pod", *names, namespace=ROOT_NAMESPACE),
                ADDON,
                "the new pods reach the API server and are Ready within a minute",
            )
