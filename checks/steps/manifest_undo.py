"""The undo of commands that create or delete objects."""

from collections.abc import Iterator, Mapping

from checks.facts.change_input import BadChange, changes_from_yaml
from checks.facts.changes import Apply, Delete
from checks.facts.fact import KubernetesObject
from checks.facts.kubernetes_kinds import is_custom_resource, resource_name
from checks.facts.manifests import manifest_yaml, without_server_fields
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.commands import kubectl, kubectl_apply
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import Raw, mapping, text
from checks.steps.inverse import NoInverse
from checks.steps.objects import StepObjects, kind_of
from checks.steps.options import Options
from checks.steps.undo import NOTHING, Undo, difference, hidden_values_kept, named_objects, patched_back

LONGEST_MANIFEST = 40
"""Lines of the longest manifest that an undo command contains."""


def undo_apply(options: Options, stdin: str, objects: StepObjects) -> Undo:
    """Delete a new object, or give a present one its fields back."""
    if options.one("--server-side"):
        return _server_side(stdin, objects)
    try:
        changes = changes_from_yaml(stdin)
    except BadChange:
        return Undo((), _if_new(stdin), objects)
    found: list[str] = []
    for each in changes:
        thing = objects.get(each.fact_type, each.namespace, each.name)
        if thing is not None:
            hidden_values_kept(thing, each.manifest)
        after = objects.after(each)
        if thing is None:
            found.append(kubectl("delete", resource_name(each.fact_type), each.name, namespace=each.namespace))
        else:
            found += patched_back(
                resource_name(each.fact_type), thing, difference(thing, after), "merge", after
            ).commands
        objects = after
    return Undo(tuple(reversed(found)), "" if found else NOTHING, objects)


def _server_side(stdin: str, objects: StepObjects) -> Undo:
    """A server-side apply without the fields removes those that only kubectl has set."""
    kept = []
    for each in _documents(stdin):
        metadata = {key: value for key, value in mapping(each, "metadata").items() if key in ("name", "namespace")}
        kept.append({"apiVersion": text(each, "apiVersion"), "kind": text(each, "kind"), "metadata": metadata})
    return Undo(tuple(kubectl_apply(manifest_yaml(each), "--server-side") for each in kept), "", objects)


def _documents(stdin: str) -> Iterator[Raw]:
    try:
        yield from (each for each in parse_yaml(stdin, Budget()) if isinstance(each, Mapping))
    except BadDocument as problem:
        raise NoInverse(str(problem)) from None


def _if_new(stdin: str) -> str:
    """The sentence about an object of a kind that is not read."""
    commands = []
    for each in _documents(stdin):
        group = text(each, "apiVersion").rpartition("/")[0]
        resource = f"{text(each, 'kind').lower()}.{group}" if group else text(each, "kind").lower()
        name, namespace = text(each, "metadata", "name"), text(each, "metadata", "namespace")
        commands.append(kubectl("delete", resource, name, namespace=namespace))
    return f"`{' && '.join(commands)}`, unless the object existed before: this kind is not read"


def undo_delete(options: Options, stdin: str, objects: StepObjects) -> Undo:
    """Apply the manifest of the object, if all of it was read and it is short."""
    del stdin
    kind = kind_of(options.positional[0]) if options.positional else None
    selected = options.one("-l", "--selector", "--field-selector")
    things = [] if selected else named_objects(options, objects)
    if kind is Pod and all(each.owners for each in things if isinstance(each, Pod)):
        return Undo((), f"{NOTHING}: the pod's owner has created a new pod", objects)
    after = objects
    for each in things:
        after = after.after(Delete(each))
    if any(isinstance(each, StaticGatewayConfiguration) for each in things):
        return Undo((), "no command takes it back: a new StaticGatewayConfiguration gets another prefix", after)
    manifests = [manifest_yaml(without_server_fields(type(each), each.raw)) for each in things]
    short = all(len(each.splitlines()) <= LONGEST_MANIFEST for each in manifests)
    if short and all(_read_in_full(each) for each in things):
        return Undo(tuple(kubectl_apply(each) for each in manifests), "", after)
    shown = "; ".join(
        f"`{kubectl('get', resource_name(type(each)), each.name, '-o', 'yaml', namespace=each.namespace)}`"
        for each in things
    )
    return Undo((), f"keep the object before ({shown}); it can be created again from that", after)


_IN_FULL = frozenset({"NetworkPolicy", "PodDisruptionBudget", "ResourceQuota", "LimitRange", "HorizontalPodAutoscaler"})
"""The built-in kinds of which every field is read.

Source: checks/sources/reduction.py, which removes fields of others.
"""


def _read_in_full(thing: KubernetesObject) -> bool:
    return is_custom_resource(type(thing)) or thing.kind in _IN_FULL


def undo_create(options: Options, stdin: str, objects: StepObjects) -> Undo:
    """Delete the object."""
    del stdin
    kind, name = options.positional[0], options.positional[-1]
    command = kubectl("delete", kind, name, namespace=options.namespace)
    if kind in ("namespace", "ns"):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        return Undo((), f"`{command}`, which also deletes everything in it", objects.after(Apply(manifest)))
    return Undo((command,), "", objects)
