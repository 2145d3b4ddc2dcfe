"""The DestinationRule that a proxy uses for a destination, and the TLS that it makes of it (domain.md 5.2.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.route.hosts import resolve
from checks.istio.route.registry import destination_rules
from checks.istio.route.visibility import MeshConfig, discovered, export_of, visible
from checks.model.raw_values import Raw, flag, items, mapping, number, text, texts


@dataclass(frozen=True, slots=True)
class Tls:
    """The client TLS settings of a proxy for one destination port, and the field that they stand in."""

    rule: DestinationRule
    path: str
    raw: Raw

    @property
    def mode(self) -> str:
        """`DISABLE` in a block without a mode (enum value 0)."""
        return text(self.raw, "mode").upper() or "DISABLE"

    @property
    def sni(self) -> str:
        return text(self.raw, "sni").lower().rstrip(".")

    @property
    def credential(self) -> str:
        return text(self.raw, "credentialName")

    @property
    def files(self) -> tuple[str, ...]:
        """Certificate files that would have to be mounted in the proxy; the image has the system's authorities."""
        named = (text(self.raw, key) for key in ("clientCertificate", "privateKey", "caCertificates"))
        return tuple(each for each in named if each and each != "system" and not each.startswith("/etc/ssl/"))

    @property
    def unverified(self) -> bool:
        return flag(self.raw, "insecureSkipVerify") is True

    @property
    def subject_names(self) -> tuple[str, ...]:
        return texts(self.raw, "subjectAltNames")

    @property
    def encrypts(self) -> bool:
        return self.mode != "DISABLE"


@dataclass(frozen=True, slots=True)
class Effective:
    """The rules that are merged for a proxy, oldest first. Rules for the same host of other tiers have no say."""

    host: str
    rules: tuple[DestinationRule, ...]

    @property
    def policy(self) -> tuple[DestinationRule, Raw]:
        """The top-level traffic policy: the oldest rule's that has one."""
        return next(((r, r.traffic_policy) for r in self.rules if r.traffic_policy), (self.rules[0], {}))

    def subset(self, name: str) -> tuple[DestinationRule, int, Raw] | None:
        """The subset of this name: (rule, its index, as written); of several the oldest rule's."""
        for rule in self.rules:
            for index, raw in enumerate(rule.subsets):
                if text(raw, "name") == name:
                    return rule, index, raw
        return None

    @property
    def subset_names(self) -> tuple[str, ...]:
        return tuple(text(raw, "name") for rule in self.rules for raw in rule.subsets)

    def tls(self, port: int, subset: str = "") -> Tls | None:
        """The TLS settings for a port of the destination. Settings of a port replace, and do not complete, those above
        them: a port entry without `tls` means none. A subset's stand before the rule's own."""
        rule, policy = self.policy
        found = _of_policy(rule, policy, "spec.trafficPolicy", port)
        if subset and (chosen := self.subset(subset)) is not None:
            owner, index, raw = chosen
            found = _of_subset(
                owner, mapping(raw, "trafficPolicy"), f"spec.subsets[{index}].trafficPolicy", port, found
            )
        return found

    def all_tls(self) -> tuple[Tls, ...]:
        """Every TLS block of these rules, whichever port or subset it is for."""
        found: list[Tls | None] = []
        for rule in self.rules:
            policies = [("spec.trafficPolicy", rule.traffic_policy)]
            subsets = enumerate(rule.subsets)
            policies += [(f"spec.subsets[{n}].trafficPolicy", mapping(raw, "trafficPolicy")) for n, raw in subsets]
            for path, policy in policies:
                found.append(_tls(rule, policy, path))
                entries = enumerate(items(policy, "portLevelSettings"))
                found.extend(_tls(rule, entry, f"{path}.portLevelSettings[{n}]") for n, entry in entries)
        return tuple(each for each in found if each is not None)

    def dropped(self, port: int, subset: str = "") -> str:
        """The port entry without `tls` because of which the `tls` above it has no effect; "" where there is none."""
        _, policy = self.policy
        levels = [("spec.trafficPolicy", policy)]
        if subset and (chosen := self.subset(subset)) is not None:
            levels.append((f"spec.subsets[{chosen[1]}].trafficPolicy", mapping(chosen[2], "trafficPolicy")))
        above = False
        dropping = ""
        for path, level in levels:
            above = above or bool(mapping(level, "tls"))
            entry = _port_entry(level, port)
            if entry is not None and "tls" not in entry[1] and above:
                dropping = f"{path}.portLevelSettings[{entry[0]}]"
        return dropping


def _port_entry(policy: Raw, port: int) -> tuple[int, Raw] | None:
    for index, entry in enumerate(items(policy, "portLevelSettings")):
        if number(entry, "port", "number") == port:
            return index, entry
    return None


def _of_policy(rule: DestinationRule, policy: Raw, path: str, port: int) -> Tls | None:
    entry = _port_entry(policy, port)
    if entry is not None:
        return _tls(rule, entry[1], f"{path}.portLevelSettings[{entry[0]}]")
    return _tls(rule, policy, path)


def _of_subset(rule: DestinationRule, policy: Raw, path: str, port: int, above: Tls | None) -> Tls | None:
    entry = _port_entry(policy, port)
    if entry is not None:
        return _tls(rule, entry[1], f"{path}.portLevelSettings[{entry[0]}]")
    return _tls(rule, policy, path) or above


def _tls(rule: DestinationRule, holder: Raw, path: str) -> Tls | None:
    return Tls(rule, f"{path}.tls", mapping(holder, "tls")) if holder.get("tls") is not None else None


def effective(
    facts: Facts,
    host: str,
    viewer: str,
    owner: str,
    mesh: MeshConfig,
    labels: Iterable[Mapping[str, str]] = (),
) -> Effective | None:
    """What a proxy of namespace `viewer` with these labels uses for `host`, whose Service or ServiceEntry lies in namespace
    `owner`: the first of the viewer's namespace, the owner's and the root namespace that has any; in it the most specific
    host; of that, one with a workload selector before those without. Reads DestinationRule, Namespace and ConfigMap."""
    proxies = tuple(labels)
    for tier in dict.fromkeys((viewer, owner, ROOT_NAMESPACE)):
        usable = [
            (written, rule)
            for written, rule in destination_rules(facts).covering(host)
            if rule.namespace == tier and _usable(facts, rule, viewer, mesh)
        ]
        usable = [
            (written, rule)
            for written, rule in usable
            if not rule.workload_selector
            or (tier == viewer and any(selects(rule.workload_selector, each) for each in proxies))
        ]
        if usable:
            rules = [rule for written, rule in usable if written == usable[0][0]]
            return Effective(usable[0][0], tuple([r for r in rules if r.workload_selector] or rules))
    return None


def _usable(facts: Facts, rule: DestinationRule, viewer: str, mesh: MeshConfig) -> bool:
    if not discovered(facts, rule.namespace, mesh):
        return False
    if rule.namespace == viewer:
        # In its own namespace a rule counts unless it is exported to others only (Istio's SetDestinationRules).
        return bool({"*", ".", viewer} & set(export_of(rule, mesh)))
    return visible(rule, viewer, mesh)


def elsewhere(facts: Facts, host: str, chosen: Effective | None) -> tuple[DestinationRule, ...]:
    """The rules about this host that the proxy does not use, oldest first."""
    used = chosen.rules if chosen else ()
    found = (rule for _, rule in destination_rules(facts).covering(host))
    return tuple(rule for rule in found if not any(rule is each for each in used))


def names(rule: DestinationRule) -> str:
    """The host that a rule is about, as istiod resolves it."""
    return resolve(rule.host, rule.namespace)
