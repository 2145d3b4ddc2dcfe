"""The proved fixes of a request as corrected objects.

They are in the order in which they are applied.
"""

from collections.abc import Iterable

from checks.facts.changes import ChangeRefused, Delete, ObjectChange, corrected_manifest
from checks.facts.manifests import manifest_yaml
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.side_effects import effect_on_others
from checks.istio.request.outcome import Result
from checks.model.route import Correction


def corrections_of(broken: BrokenRequest, faults: Iterable[Proved]) -> tuple[Correction, ...]:
    """Each change of the proved fixes, with the whole object after it.

    There is none if all fixes together do not route the request through the gateway.
    """
    kept = tuple(faults)
    if not kept or kept[-1].after is None or kept[-1].after.result is not Result.THROUGH:
        return ()
    found: list[Correction] = []
    before: tuple[ObjectChange, ...] = ()
    for fix in (each.fix for each in kept if each.fix is not None):
        effect = effect_on_others(broken, before, fix.changes)
        found += [Correction(fix.title, each.ref, each.command, _manifest(each), effect) for each in fix.changes]
        before = (*before, *fix.changes)
    return tuple(found)


def _manifest(change: ObjectChange) -> str:
    try:
        return "" if isinstance(change, Delete) else manifest_yaml(corrected_manifest(change))
    except ChangeRefused:
        return ""
