"""The undo of a kubectl command, and the objects that the command names."""

import json
from dataclasses import dataclass
from typing import Any

from checks.facts.fact import KubernetesObject
from checks.facts.namespaces import Secret
from checks.model.commands import kubectl
from checks.model.raw_values import Raw, mapping
from checks.steps.inverse import NoInverse, merge_inverse
from checks.steps.objects import StateUnknown, StepObjects, is_namespaced, kind_of
from checks.steps.options import Options

NOTHING = "nothing to take back"


@dataclass(frozen=True, slots=True)
class Undo:
    """The commands that take one command back, or a sentence if none does.

    `objects` are those after the command.
    """

    commands: tuple[str, ...]
    sentence: str
    objects: StepObjects


def named_objects(options: Options, objects: StepObjects) -> list[KubernetesObject]:
    """The objects that the command names. Raises StateUnknown or NoInverse."""
    words = [each for each in options.positional if "=" not in each and not each.endswith("-")]
    pairs = [each.split("/", 1) for each in words] if words and "/" in words[0] else [[words[0], n] for n in words[1:]]
    found = []
    for word, name in pairs:
        kind = kind_of(word)
        if kind is None:
            raise StateUnknown(f"{word} {name} was not read")
        namespace = (options.namespace or "default") if is_namespaced(kind) else ""
        thing = objects.get(kind, namespace, name)
        if thing is None:
            raise NoInverse(f"{word} {name} does not exist")
        found.append(thing)
    if not found:
        raise NoInverse("the command names no object")
    return found


def patched_back(resource: str, thing: KubernetesObject, inverse: Raw, kind: str, after: StepObjects) -> Undo:
    """The command of a patch of this kind, if it changes something."""
    if not inverse:
        return Undo((), NOTHING, after)
    words = ("patch", resource, thing.name, "--type", kind, "-p", json.dumps(inverse))
    return Undo((kubectl(*words, namespace=thing.namespace),), "", after)


def hidden_values_kept(thing: KubernetesObject, written: Raw) -> None:
    """Raise NoInverse if the change may overwrite data of a Secret.

    Its values are never read.
    """
    if not isinstance(thing, Secret):
        return
    written_keys = {**mapping(written, "data"), **mapping(written, "stringData")}.keys()
    if written_keys and ("data" not in thing.raw or written_keys & mapping(thing.raw, "data").keys()):
        shown = kubectl("get", "secret", thing.name, "-o", "yaml", namespace=thing.namespace)
        raise NoInverse(f"the values of a Secret are not read; keep them before (`{shown}`)")


def difference(thing: KubernetesObject, after: StepObjects) -> dict[str, Any]:
    """The merge patch that gives the object its previous fields back."""
    changed = after.get(type(thing), thing.namespace, thing.name)
    if isinstance(thing, Secret) and changed is not None:
        keys = {key: None for key in mapping(changed.raw, "data") if key not in mapping(thing.raw, "data")}
        rest, old = ({k: v for k, v in raw.items() if k != "data"} for raw in (changed.raw, thing.raw))
        return {**merge_inverse(rest, old), **({"data": keys} if keys else {})}
    return merge_inverse(changed.raw if changed is not None else {}, thing.raw)
