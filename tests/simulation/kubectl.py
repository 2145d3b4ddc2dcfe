"""kubectl commands, as printed, on a copy of a cluster.

Each verb is one function. Verbs that only read change nothing. A command that kubectl would refuse raises Refused; one whose
effect does not follow from the facts raises NotSimulated.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from checks.facts.change_input import changes_from_yaml
from checks.facts.changes import Apply, ChangeRefused, Delete, JsonPatch, MergePatch, ObjectChange
from checks.facts.fact import KubernetesObject, Listed
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.facts.label_selectors import selects
from checks.facts.patches import merge_patched
from checks.steps.options import Options
from checks.steps.shell import ProgramCall
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.healthy import owns
from tests.simulation.controllers.policies import KINDS as EXCEPTIONS
from tests.simulation.refusals import NotSimulated, Refused

READING = frozenset({"get", "describe", "logs", "wait", "auth", "explain", "top", "api-resources", "version", "diff"})
_SHORT = {
    "ns": "namespaces",
    "deploy": "deployments.apps",
    "svc": "services",
    "cm": "configmaps",
    "sts": "statefulsets.apps",
}


def run(command: ProgramCall, copy: ClusterCopy) -> None:
    """Carry out one kubectl command. Raises Refused or NotSimulated."""
    options = Options(command.words[1:])
    verb = options.positional.pop(0)
    if verb == "wait" and options.one("--for") == "delete":
        _finish_deletion(options.positional[0], options.namespace, copy)
        return
    if verb in READING or (verb == "rollout" and options.positional[:1] in (["status"], ["history"])):
        return
    if (context := options.one("--context")) and context not in copy.contexts:
        raise NotSimulated(f"cluster {context} is not the recorded one")
    if verb not in _VERBS:
        raise NotSimulated(f"kubectl {verb} is not simulated")
    for change in _VERBS[verb](options, command.stdin, copy):
        try:
            copy.lay(change)
        except ChangeRefused as refused:
            raise Refused(str(refused)) from None


def _finish_deletion(name: str, namespace: str, copy: ClusterCopy) -> None:
    """An object that is being deleted is gone, if it waits only for its own pods."""
    kind, _, name = name.partition("/")
    found = copy.get({"deployment": "Deployment"}.get(kind, kind), namespace, name)
    waits = set((found or {"metadata": {}})["metadata"].get("finalizers") or ()) - {"foregroundDeletion", "orphan"}
    if found is None or not found["metadata"].get("deletionTimestamp") or waits:
        return
    sets = [each for each in copy.of("ReplicaSet", namespace) if owns(found, each)]
    copy.drop(each for each in copy.of("Pod", namespace) if any(owns(owner, each) for owner in sets))
    copy.drop([found, *sets])


def _apply(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    if options.one("-f", "--filename") != "-" or not stdin:
        raise NotSimulated("the manifest is in a file")
    manifest = yaml.safe_load(stdin)
    if manifest.get("kind") in EXCEPTIONS:
        if options.one("--server-side") and not manifest.keys() - {"apiVersion", "kind", "metadata"}:
            # The copy has only the fields that kubectl has set: these are removed.
            copy.drop(each for each in copy.cluster.objects if identity(each)[1:] == identity(manifest)[1:])
        else:
            copy.put(manifest)
        return
    for each in changes_from_yaml(stdin):
        if options.namespace and each.namespace != options.namespace:
            raise Refused(f"the namespace of {each.ref} is not that of the command, {options.namespace}")
        yield each


def _patch(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    del stdin
    body = json.loads(options.one("-p", "--patch"))
    kind = options.one("--type") or "strategic"
    for thing in targets(options.positional, options, copy):
        if kind == "json":
            yield JsonPatch(thing, tuple(body))
        else:
            if kind != "merge" and "template" in (body.get("spec") or {}) and not _has_replica_sets(thing, copy):
                raise NotSimulated(f"the ReplicaSets of {thing.ref} were not recorded")
            yield MergePatch(thing, body if kind == "merge" else _strategic(thing.raw, body))


def _has_replica_sets(thing: KubernetesObject, copy: ClusterCopy) -> bool:
    """Whether its pods are replaced in the simulation: their owners were recorded."""
    owner = {**thing.raw, "kind": thing.kind}
    sets = [each for each in copy.of("ReplicaSet", thing.namespace) if owns(owner, each)]
    return any(owns(each, pod) for each in sets for pod in copy.of("Pod", thing.namespace))


def _strategic(present: Any, patch: Any) -> Any:
    """The merge patch with the effect of a strategic one.

    Entries of a list are merged by their name.
    """
    if isinstance(patch, Mapping):
        kept = present if isinstance(present, Mapping) else {}
        return {key: _strategic(kept.get(key), value) for key, value in patch.items()}
    if not isinstance(patch, list):
        return patch
    if not all(isinstance(each, Mapping) and "name" in each for each in patch):
        raise NotSimulated("a strategic merge patch of a list without names")
    entries = {each["name"]: each for each in present or ()}
    for each in patch:
        entries[each["name"]] = merge_patched(entries.get(each["name"], {}), each)
    return list(entries.values())


def _delete(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    del stdin
    for thing in targets(options.positional, options, copy):
        yield Delete(thing)


def _metadata(field: str) -> Callable[[Options, str, ClusterCopy], Iterator[ObjectChange]]:
    def run(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
        del stdin
        pairs = [word for word in options.positional if "=" in word or word.endswith("-")]
        values = {k: v if eq else None for k, eq, v in (word.rstrip("-").partition("=") for word in pairs)}
        for thing in targets([word for word in options.positional if word not in pairs], options, copy):
            present = thing.raw.get("metadata", {}).get(field) or {}
            for key, value in values.items():
                if value is not None and present.get(key) not in (None, value) and not options.one("--overwrite"):
                    raise Refused(f"{thing.ref} has {key} already, and the command lacks --overwrite")
            yield MergePatch(thing, {"metadata": {field: values}})

    return run


def _scale(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    del stdin
    for thing in targets(options.positional, options, copy):
        yield MergePatch(thing, {"spec": {"replicas": int(options.one("--replicas"))}})


def _rollout(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    del stdin
    what = options.positional.pop(0)
    for thing in targets(options.positional, options, copy):
        if what in ("resume", "pause"):
            yield MergePatch(thing, {"spec": {"paused": what == "pause" or None}})
        elif what != "restart":
            raise NotSimulated(f"kubectl rollout {what} is not simulated")
        elif thing.raw.get("spec", {}).get("paused"):
            raise Refused(f"{thing.ref} is paused: kubectl can't restart paused deployments (run rollout resume first)")
        else:
            restarted = {"kubectl.kubernetes.io/restartedAt": copy.stamp}
            yield MergePatch(thing, {"spec": {"template": {"metadata": {"annotations": restarted}}}})


def _create(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    kind = options.positional.pop(0) if options.positional else ""
    name = options.positional[-1] if options.positional else ""
    if not kind and stdin:
        yield from changes_from_yaml(stdin)
    elif kind in ("namespace", "ns"):
        present = copy.get("Namespace", "", name)
        if present is not None and present["metadata"].get("deletionTimestamp"):
            raise NotSimulated(f"Namespace {name} is being deleted, and when that ends does not follow from the facts")
        if present is not None:
            raise Refused(f"Namespace {name} exists already")
        yield Apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    elif kind == "secret":
        keys = [
            each.partition("=")[0]
            for flag in ("--from-file", "--from-literal")
            for each in options.values.get(flag, ())
        ]
        keys += ["tls.crt", "tls.key"] if options.positional[0] == "tls" else []
        metadata = {"name": name, "namespace": options.namespace or "default"}
        if copy.get("Secret", metadata["namespace"], name) is not None:
            raise Refused(f"Secret {metadata['namespace']}/{name} exists already")
        yield Apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": dict.fromkeys(keys, "eA==")})
    else:
        raise NotSimulated(f"kubectl create {kind} is not simulated")


def _edit(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
    del stdin, copy
    raise NotSimulated(f"kubectl edit {' '.join(options.positional)} opens an editor: no value is printed")


def _cordon(unschedulable: bool) -> Callable[[Options, str, ClusterCopy], Iterator[ObjectChange]]:
    def run(options: Options, stdin: str, copy: ClusterCopy) -> Iterator[ObjectChange]:
        del stdin
        for thing in targets(["node", *options.positional], options, copy):
            yield MergePatch(thing, {"spec": {"unschedulable": unschedulable or None}})

    return run


_VERBS: Mapping[str, Callable[[Options, str, ClusterCopy], Iterator[ObjectChange]]] = {
    "apply": _apply,
    "patch": _patch,
    "delete": _delete,
    "label": _metadata("labels"),
    "annotate": _metadata("annotations"),
    "scale": _scale,
    "rollout": _rollout,
    "create": _create,
    "edit": _edit,
    "cordon": _cordon(True),
    "uncordon": _cordon(False),
}


def targets(words: Sequence[str], options: Options, copy: ClusterCopy) -> list[KubernetesObject]:
    """The objects that the command names, or selects by label and field.

    Raises Refused if a named one is missing.
    """
    store = copy.facts()
    if words and "/" in words[0]:
        pairs = [tuple(word.split("/", 1)) for word in words]
    else:
        kinds = words[0].split(",")
        pairs = [(kind, name) for kind in kinds for name in words[1:]] or [(kind, "") for kind in kinds]
    found = []
    for word, name in pairs:
        kind, namespaced = kind_of(word)
        namespace = (options.namespace or "default") if namespaced else ""
        candidates = [each for each in store.known(kind) if each.namespace == namespace]
        if name:
            thing = next((each for each in candidates if each.name == name), None)
            if thing is None and _owns_pods(copy, kind.kind, namespace, name):
                raise NotSimulated(f"{kind.kind} {namespace}/{name} is known only as the owner of pods")
            if thing is None and not options.one("--ignore-not-found"):
                raise Refused(f"{kind.kind} {namespace}/{name} does not exist")
            found += [thing] if thing is not None else []
        else:
            if not options.one("-l", "--selector", "--field-selector", "--all"):
                raise Refused("neither a name nor a selector")
            found += [each for each in candidates if _selected(each, options)]
    return found


def _owns_pods(copy: ClusterCopy, kind: str, namespace: str, name: str) -> bool:
    """Whether pods name an object as their owner, which itself was not read."""
    owners = (each["metadata"].get("ownerReferences") or () for each in copy.of("Pod", namespace))
    return any((one.get("kind"), one.get("name")) == (kind, name) for some in owners for one in some)


def _selected(thing: KubernetesObject, options: Options) -> bool:
    labels = dict(pair.split("=", 1) for pair in options.one("-l", "--selector").split(",") if "=" in pair)
    fields = dict(pair.split("=", 1) for pair in options.one("--field-selector").split(",") if "=" in pair)
    return selects({"matchLabels": labels}, thing.labels) and all(_field(thing, k) == v for k, v in fields.items())


def _field(thing: KubernetesObject, path: str) -> str:
    value: Any = thing.raw
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def kind_of(word: str) -> tuple[type[KubernetesObject], bool]:
    """The kind that kubectl understands by a word, and whether it is namespaced.

    Raises NotSimulated.
    """
    wanted = _SHORT.get(word.lower(), word.lower())
    for resource, (kind, origin) in LISTED_KINDS.items():
        if wanted in (resource, origin.plural, kind.kind.lower()) and isinstance(origin, Listed):
            return kind, origin.namespaced
    raise NotSimulated(f"kind {word} is not read")
