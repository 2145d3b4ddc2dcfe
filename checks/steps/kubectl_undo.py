"""The command that takes a kubectl command back, by the objects as they were read."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from checks.facts.changes import JsonPatch, MergePatch
from checks.model.commands import kubectl
from checks.model.json_patches import patch_entry
from checks.model.raw_values import at, mapping
from checks.steps.inverse import json_inverse, strategic_inverse
from checks.steps.manifest_undo import undo_apply, undo_create, undo_delete
from checks.steps.objects import StepObjects
from checks.steps.options import Options
from checks.steps.shell import ProgramCall
from checks.steps.undo import NOTHING, Undo, difference, hidden_values_kept, named_objects, patched_back


def kubectl_undo(command: ProgramCall, objects: StepObjects) -> Undo:
    """The undo of a kubectl command.

    Raises StateUnknown, NoInverse, ChangeRefused or Unfit.
    """
    options = Options(command.words[1:])
    verb = options.positional.pop(0) if options.positional else ""
    given = _VERBS.get(verb)
    if given is None:
        return Undo((), "", objects)
    return given(options, command.stdin, objects)


def _patch(options: Options, stdin: str, objects: StepObjects) -> Undo:
    del stdin
    body, kind = json.loads(options.one("-p", "--patch")), options.one("--type") or "strategic"
    (thing,) = named_objects(options, objects)
    resource = options.positional[0]
    hidden_values_kept(thing, body if isinstance(body, Mapping) else {})
    if kind == "json":
        operations = json_inverse(body, thing.raw)
        after = objects.after(JsonPatch(thing, tuple(body)))
        if not operations:
            return Undo((), NOTHING, after)
        return Undo((patch_entry(resource, thing.name, operations, thing.namespace),), "", after)
    if kind == "strategic" and _has_list(body):
        inverse = strategic_inverse(body, thing.raw)
        after = objects
    else:
        after = objects.after(MergePatch(thing, body))
        inverse = difference(thing, after)
        kind = "merge"
    return patched_back(resource, thing, inverse, kind, after)


def _has_list(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_list, value.values()))
    return isinstance(value, list)


def _metadata(field: str, verb: str) -> Callable[[Options, str, StepObjects], Undo]:
    def undo(options: Options, stdin: str, objects: StepObjects) -> Undo:
        del stdin
        pairs = [each for each in options.positional if "=" in each or each.endswith("-")]
        values = {k: v if eq else None for k, eq, v in (_key_and_value(each) for each in pairs)}
        (thing,) = named_objects(options, objects)
        present = mapping(mapping(thing.raw, "metadata"), field)
        after = objects.after(MergePatch(thing, {"metadata": {field: values}}))
        words = [
            f"{key}={present[key]}" if key in present else f"{key}-"
            for key, value in values.items()
            if present.get(key) != value
        ]
        if not words:
            return Undo((), NOTHING, after)
        overwrite = ("--overwrite",) if any("=" in each for each in words) else ()
        resource = options.positional[0]
        return Undo((kubectl(verb, resource, thing.name, *words, *overwrite, namespace=thing.namespace),), "", after)

    return undo


def _key_and_value(pair: str) -> tuple[str, str, str]:
    key, equals, value = pair.partition("=")
    return (key, equals, value) if equals else (pair.removesuffix("-"), "", "")


def _scale(options: Options, stdin: str, objects: StepObjects) -> Undo:
    del stdin
    (thing,) = named_objects(options, objects)
    old = at(thing.raw, "spec", "replicas")
    old = 1 if old is None else old
    after = objects.after(MergePatch(thing, {"spec": {"replicas": int(options.one("--replicas"))}}))
    words = ("scale", options.positional[0], thing.name, f"--replicas={old}")
    return Undo((kubectl(*words, namespace=thing.namespace),), "", after)


def _rollout(options: Options, stdin: str, objects: StepObjects) -> Undo:
    del stdin
    what, rest = options.positional[0], options.positional[1:]
    if what == "restart":
        return Undo((), f"{NOTHING}: the new pods have the specification of the old ones", objects)
    if what == "resume":
        return Undo((kubectl("rollout", "pause", *rest, namespace=options.namespace),), "", objects)
    return Undo((), "", objects)


def _cordon(inverse: str) -> Callable[[Options, str, StepObjects], Undo]:
    def undo(options: Options, stdin: str, objects: StepObjects) -> Undo:
        del stdin
        return Undo((kubectl(inverse, *options.positional),), "", objects)

    return undo


def _edit(options: Options, stdin: str, objects: StepObjects) -> Undo:
    del stdin
    shown = kubectl("get", *options.positional, "-o", "yaml", namespace=options.namespace)
    return Undo((), f"edit it again with the previous values; keep them before (`{shown}`)", objects)


def _debug(options: Options, stdin: str, objects: StepObjects) -> Undo:
    """A debug container stays in its pod; that of a node is a pod of its own."""
    del stdin
    target = options.positional[0] if options.positional else ""
    if target.startswith("node/"):
        return Undo(
            (), f"delete the pod node-debugger-{target.removeprefix('node/')}-… that the command leaves", objects
        )
    return Undo((), "no command takes it back: the container stays in the pod until the pod is replaced", objects)


_VERBS: Mapping[str, Callable[[Options, str, StepObjects], Undo]] = {
    "debug": _debug,
    "patch": _patch,
    "apply": undo_apply,
    "delete": undo_delete,
    "label": _metadata("labels", "label"),
    "annotate": _metadata("annotations", "annotate"),
    "scale": _scale,
    "rollout": _rollout,
    "create": undo_create,
    "edit": _edit,
    "cordon": _cordon("uncordon"),
    "uncordon": _cordon("cordon"),
}
