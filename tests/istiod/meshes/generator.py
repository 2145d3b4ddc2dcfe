"""The meshes of a seed: every canonical configuration, every change alone, and changes in combination."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.clusters.compose import Cluster
from tests.istiod.meshes.canonical import KINDS, canonical
from tests.istiod.meshes.draft import API, CLIENTS, GATEWAY, NAMESPACE, OTHER, PAY, STRANGER, Draft, all_changes
from tests.istiod.question import Question

for _module in (
    "virtual_services",
    "gateways",
    "destination_rules",
    "service_entries",
    "sidecars",
    "policies",
    "surroundings",
    "gateway_api",
):
    importlib.import_module(f"tests.istiod.meshes.{_module}")

REQUESTS = 12  # a mesh
_GATEWAY = f"{NAMESPACE}/{GATEWAY}"


@dataclass(frozen=True, slots=True)
class Generated:
    """One mesh: its cluster, what differs from the canonical configuration, and the requests that are asked."""

    identity: str
    kind: str
    fields: tuple[str, ...]
    cluster: Cluster
    questions: tuple[Question, ...]


def meshes(seed: int, count: int) -> Iterator[Generated]:
    """The first `count` meshes of a seed."""
    for number in range(count):
        yield mesh(seed, number)


def mesh(seed: int, number: int) -> Generated:
    """One mesh of a seed: the first ones are canonical, then each change alone in turn, the more the later combined."""
    rng = random.Random(f"{seed}/{number}")
    order = random.Random(seed).sample(range(len(all_changes())), len(all_changes()))
    if number < len(KINDS):
        return _finished(f"{seed}-{number}", canonical(KINDS[number], rng), [])
    first = order[(number - len(KINDS)) % len(order)]
    extra = rng.choices((0, 1, 2, 3), weights=(4, 3, 2, 1))[0]
    wanted = [first, *(rng.randrange(len(order)) for _ in range(extra))]
    return _applied(f"{seed}-{number}", wanted, rng)


def _applied(identity: str, wanted: Sequence[int], rng: random.Random) -> Generated:
    """The changes on a kind of configuration in which the first one has an effect."""
    draft = canonical(rng.choice(KINDS), rng)
    for kind in rng.sample(KINDS, len(KINDS)):
        draft = canonical(kind, rng)
        field, change = all_changes()[wanted[0]]
        if change(draft):
            break
    applied = [all_changes()[wanted[0]][0]]
    for index in wanted[1:]:
        field, change = all_changes()[index]
        if change(draft):
            applied.append(field)
    return _finished(identity, draft, applied)


def _finished(identity: str, draft: Draft, fields: Sequence[str]) -> Generated:
    return Generated(identity, draft.kind, tuple(fields), draft.cluster(), tuple(_questions(draft)))


def _questions(draft: Draft) -> Iterator[Question]:
    plain = draft.plain
    fixed = [(plain.scheme, plain.host, plain.port, client) for client in CLIENTS]
    schemes = [("http", 80), ("https", 443), (plain.scheme, plain.port), *draft.ports]
    hosts = [API, PAY, OTHER, STRANGER]
    rest = [(scheme, host, port, client) for scheme, port in schemes for host in hosts for client in CLIENTS]
    rest += [("http", API, 8080, CLIENTS[0]), ("tcp", API, 5432, CLIENTS[0])]
    unique = [each for each in dict.fromkeys(rest) if each not in fixed]
    likely = [each for each in unique if each[1] in (API, PAY)]
    other = [each for each in unique if each not in likely]
    chosen = draft.rng.sample(likely, min(len(likely), REQUESTS - len(fixed) - 2)) + draft.rng.sample(other, 2)
    for scheme, host, port, client in [*fixed, *chosen]:
        path = draft.rng.choice(draft.paths) if draft.paths and scheme == "http" and draft.rng.random() < 0.3 else "/"
        yield Question(_GATEWAY, host, scheme, client, port, path)
