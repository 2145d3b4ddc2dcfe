"""The correction of each kind of break: the smallest change, the whole object that it makes, what it does to other hosts."""

from collections.abc import Callable
from dataclasses import dataclass

from checks.facts.changes import Apply, ChangeRefused, JsonPatch, MergePatch, ObjectWrite, corrected_manifest
from checks.facts.istio_networking import ServiceEntry, Sidecar, VirtualService
from checks.facts.manifests import manifest_yaml
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route import repairs, tls_repairs
from checks.istio.route.affected import elsewhere_of
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import exported_also, manifest, object_name, pointer, replaced
from checks.istio.route.gateway_mending import Mended, label_of, named_instead, opened, prepared, selecting
from checks.istio.route.gateways import BoundServer
from checks.istio.route.hosts import is_wildcard
from checks.istio.route.mesh_mending import discovered_too
from checks.istio.route.needs import destinations
from checks.istio.route.obstacles import Blocked, Cause, Obstacle
from checks.istio.route.route_breaks import MEANINGS
from checks.istio.route.rules import MESH, gateway_refs, rules_of
from checks.istio.route.service_entries import entries_for
from checks.istio.route.tls_breaks import MEANINGS as TLS_MEANINGS
from checks.istio.route.tls_contract import TlsBreak
from checks.istio.route.visibility import discovered
from checks.istio.route.workloads import REVISION
from checks.model.route import Correction


@dataclass(frozen=True, slots=True)
class Patient:
    """A break to mend, with what is known around it."""

    facts: Facts
    found: Configuration
    blocked: Blocked
    host: str
    port: int


def corrections(facts: Facts, found: Configuration, cause: Cause, host: str, port: int) -> tuple[Correction, ...]:
    """What puts the route right at this break, in the order in which to apply it; empty where only a person can know."""
    title, changes = _changes(facts, found, cause, host, port)
    try:
        return tuple(
            Correction(
                title,
                each.ref,
                each.command,
                manifest_yaml(corrected_manifest(each)),
                elsewhere_of(facts, found, each, host),
            )
            for each in changes
        )
    except ChangeRefused:
        return ()


def _changes(
    facts: Facts, found: Configuration, cause: Cause, host: str, port: int
) -> tuple[str, tuple[ObjectWrite, ...]]:
    match cause:
        case Break(fault=Fault.NOT_DISCOVERED, route=route) if route is not None:
            return f"Make istiod discover namespace {route.namespace}", discovered_too(facts, found, route.namespace)
        case Break() if (mended := opened(facts, found, cause)) is not None:
            return mended
        case Break():
            named = named_instead(found, cause) if cause.fault is Fault.NO_SUCH_GATEWAY else cause
            changes = repairs.repair(facts, found, named)
            if cause.fault is Fault.NO_ROUTE and changes and not entries_for(facts, host):
                changes = (Apply(_new_entry(facts, found, host, port)), *changes)
            return (_title(found, named), changes) if changes else prepared(facts, found, cause)
        case TlsBreak():
            return TLS_MEANINGS[cause.fault].fix.format(wanted=_mode(cause)), tls_repairs.repair(facts, found, cause)
        case Blocked():
            mend = _MENDS.get(cause.obstacle)
            return mend(Patient(facts, found, cause, host, port)) if mend else ("", ())


def _title(found: Configuration, broken: Break) -> str:
    words = {
        "route": broken.route.ref if broken.route else "a VirtualService",
        "host": broken.host,
        "server": broken.server.gateway.ref if broken.server else "the Gateway",
        "port": str(broken.port),
        "destination": broken.destination.written if broken.destination else "",
        "service": found.service,
        "wanted": {"tls": "TLS", "tcp": "TCP"}.get(broken.rule.kind, "HTTP") if broken.rule else "HTTP",
        "kind": broken.rule.kind if broken.rule else "http",
        "text": broken.text,
        "others": ", ".join(each.ref for each in broken.others),
        "rule": broken.rule.path if broken.rule else "a rule",
        "gateway": found.service,
    }
    if broken.fault is Fault.WRONG_KIND and broken.server is not None:
        words["wanted"] = broken.server.kind.routes
    return MEANINGS[broken.fault].fix.format(**words)


def _mode(broken: TlsBreak) -> str:
    return broken.server.server.tls_mode if broken.server is not None else "TLS"


def _entry(patient: Patient) -> Mended:
    """The host made known: exported to whom it is hidden from, or declared."""
    facts, found, host = patient.facts, patient.found, patient.host
    known = entries_for(facts, host)
    if known:
        entry = known[0].entry
        if not discovered(facts, entry.namespace, found.mesh):
            return f"Make istiod discover namespace {entry.namespace}", discovered_too(facts, found, entry.namespace)
        blind = [*client_namespaces(facts), facts.gateway.namespace]
        return f"Export {entry.ref} to the namespaces that need it", (exported_also(entry, dict.fromkeys(blind)),)
    return f"Declare {host}", (Apply(_new_entry(facts, found, host, patient.port)),)


def _new_entry(facts: Facts, found: Configuration, host: str, port: int) -> dict[str, object]:
    """A ServiceEntry for the host, with the port that is dialled and those that rules send to."""
    ports = {port: "TLS" if port == 443 else "HTTP"}
    for number in destinations(facts, found, host).get(host, ()):
        ports.setdefault(number, "HTTPS" if number == 443 else "HTTP")
    spec: dict[str, object] = {
        "hosts": [host],
        "location": "MESH_EXTERNAL",
        "ports": [{"name": f"{p.lower()}-{n}", "number": n, "protocol": p} for n, p in sorted(ports.items())],
        "resolution": "DNS",
    }
    if host.startswith("*."):
        spec["endpoints"] = [{"address": f"www.{host.removeprefix('*.')}"}]
    return dict(manifest("ServiceEntry", object_name(host), facts.gateway.namespace, spec))


def _import(patient: Patient) -> Mended:
    """What a Sidecar hides, among what it imports."""
    sidecar = patient.blocked.thing
    if not isinstance(sidecar, Sidecar):
        return "", ()
    listener = next((n for n, each in enumerate(sidecar.egress) if not each.get("port")), 0)
    wanted = dict.fromkeys(f"{each.namespace}/{patient.blocked.text}" for each in patient.blocked.others)
    path = f"/spec/egress/{listener}/hosts/-"
    return f"Patch {sidecar.ref} to import the route", (
        JsonPatch(sidecar, tuple({"op": "add", "path": path, "value": each} for each in wanted)),
    )


def _select(patient: Patient) -> Mended:
    """A Gateway that selects the gateway's pods."""
    facts, found, thing = patient.facts, patient.found, patient.blocked.thing
    if patient.blocked.text == "hidden" and thing is not None:
        return f"Make istiod discover namespace {thing.namespace}", discovered_too(facts, found, thing.namespace)
    return selecting(found, facts, thing)


def _apart(patient: Patient) -> Mended:
    """The server that is left out on another port, and the rules for sidecars sent there."""
    found, thing = patient.found, patient.blocked.thing
    lost = next((s for s in found.servers if s.gateway is thing and str(s.index) == patient.blocked.text), None)
    if lost is None or lost.lost_to is None:
        return "", ()
    other = 443 if lost.port == 80 else 80
    changes: list[ObjectWrite] = [replaced(lost.gateway, f"{lost.path}.port.number", other)]
    moved = ((route, _moved(patient, route, lost, other)) for route in found.routes if lost.name in gateway_refs(route))
    changes.extend(JsonPatch(route, operations) for route, operations in moved if operations)
    title = f"Move the server to port {other}, which no other Gateway uses with another protocol"
    taken = any(
        s.port == other and s.lost_to is None and s.kind.encrypted != lost.kind.encrypted for s in found.servers
    )
    return ("", ()) if taken else (title, tuple(changes))


def _moved(patient: Patient, route: VirtualService, lost: BoundServer, port: int) -> tuple[dict[str, object], ...]:
    """Operations on the rules of a VirtualService: to the gateway's Service on another port, and for the gateway on it."""
    operations: list[dict[str, object]] = []
    for rule in rules_of(route):
        operations.extend(
            {"op": "add", "path": pointer(f"{each.path}.port"), "value": {"number": port}}
            for each in rule.destinations
            if each.host == patient.found.service and (each.port or lost.port) == lost.port
        )
        operations.extend(
            {"op": "add", "path": pointer(f"{rule.path}.match[{index}].port"), "value": port}
            for index, match in enumerate(rule.matches)
            if match.port == lost.port and match.gateways is not None and MESH not in match.gateways
        )
    return tuple(operations)


def _resolve(patient: Patient) -> Mended:
    entry = patient.blocked.thing
    if not isinstance(entry, ServiceEntry):
        return "", ()
    spec: dict[str, object] = {"resolution": "DNS"}
    if is_wildcard(patient.blocked.text) and not entry.endpoints:
        spec["endpoints"] = [{"address": f"www.{patient.blocked.text.removeprefix('*.')}"}]
    return f"Patch {entry.ref} to resolution DNS", (MergePatch(entry, {"spec": spec}),)


def _allow(patient: Patient) -> Mended:
    """An ALLOW policy for the gateway that names the host: by its SNI where TLS hides it."""
    facts, found, host, policy = patient.facts, patient.found, patient.host, patient.blocked.thing
    tls = any(s.kind.routes == "tls" for s in found.servers_for(host) if s.lost_to is None)
    rule: dict[str, object] = (
        {"when": [{"key": "connection.sni", "values": [host]}]}
        if tls
        else {"to": [{"operation": {"hosts": [host, f"{host}:*"]}}]}
    )
    if policy is not None and patient.blocked.text == "denies":
        return "", ()
    new = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {
            "name": f"{facts.gateway.name}-allow-{object_name(host)}"[:63],
            "namespace": facts.gateway.namespace,
        },
        "spec": {"selector": {"matchLabels": label_of(found)}, "action": "ALLOW", "rules": [rule]},
    }
    return f"Allow {host} at the gateway", (Apply(new),)


def _inject(patient: Patient) -> Mended:
    """The namespace's label by which the add-on injects; pods get their sidecar when they are started again."""
    thing = patient.blocked.thing
    name = patient.blocked.text if not isinstance(thing, Pod) else thing.namespace
    namespace = next((each for each in patient.facts.readable(Namespace) if each.name == name), None)
    revision = max(patient.facts.gateway.revisions, default="")
    if namespace is None or not revision or namespace.labels.get(REVISION) in patient.facts.gateway.revisions:
        return "", ()
    labels: dict[str, str | None] = {REVISION: revision}
    if "istio-injection" in namespace.labels:
        labels["istio-injection"] = None
    return f"Enable injection in namespace {name}, then restart its workloads", (
        MergePatch(namespace, {"metadata": {"labels": labels}}),
    )


_MENDS: dict[Obstacle, Callable[[Patient], Mended]] = {
    Obstacle.UNKNOWN_HOST: _entry,
    Obstacle.SIDECAR_HIDES: _import,
    Obstacle.ENTRY_HIDDEN: _import,
    Obstacle.NOT_SELECTED: _select,
    Obstacle.SERVER_LEFT_OUT: _apart,
    Obstacle.NOT_RESOLVED: _resolve,
    Obstacle.DENIED: _allow,
    Obstacle.NOT_INJECTED: _inject,
}
