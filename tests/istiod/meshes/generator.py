"""The meshes of a seed.

They have every canonical configuration, every change alone, and changes in combination.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.clusters.compose import Cluster, compose
from tests.istiod.meshes.canonical import KINDS, canonical
from tests.istiod.meshes.draft import (
    API,
    CLIENTS,
    GATEWAY,
    NAMESPACE,
    OTHER,
    PAY,
    STRANGER,
    Draft,
    Json,
    all_changes,
    healthy,
)
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
    "gateway_api_objects",
):
    importlib.import_module(f"tests.istiod.meshes.{_module}")

REQUESTS = 16  # a mesh
_EQUALLY_OLD = 0.1  # share of the meshes of one prefix
_GATEWAY = f"{NAMESPACE}/{GATEWAY}"


@dataclass(frozen=True, slots=True)
class Generated:
    """One mesh: the canonical configuration, the fields that were changed, and the requests."""

    identity: str
    kind: str
    fields: tuple[str, ...]
    patch: Json
    """The difference from the healthy cluster."""
    questions: tuple[Question, ...]

    @property
    def cluster(self) -> Cluster:
        """The whole cluster: Azure, Kubernetes and static egress are healthy."""
        return compose(healthy(), self.patch)


def meshes(seed: int, count: int) -> Iterator[Generated]:
    """The first `count` meshes of a seed."""
    for number in range(count):
        yield mesh(seed, number)


def meshes_of(prefix: str, seed: int, count: int) -> Iterator[Generated]:
    """Meshes with one to three changes.

    Their configurations and changes begin with a prefix, such as `gateway-api`.
    """
    kinds = [each for each in KINDS if each.startswith(prefix)]
    ours = [each for each in all_changes() if each[0].startswith(prefix)]
    for number in range(count):
        rng = random.Random(f"{prefix}/{seed}/{number}")
        draft = canonical(rng.choice(kinds), rng)
        applied = [field for field, change in rng.sample(ours, rng.choice((1, 1, 2, 3))) if change(draft)]
        if rng.random() < _EQUALLY_OLD:
            draft.same_age()
        yield _finished(f"{prefix}-{seed}-{number}", draft, applied)


def mesh(seed: int, number: int) -> Generated:
    """One mesh of a seed.

    The first ones are canonical, the next ones have each change alone in turn, and later ones combine more and more
    changes.
    """
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
    return Generated(identity, draft.kind, tuple(fields), draft.patch(), tuple(_questions(draft)))


def _questions(draft: Draft) -> Iterator[Question]:
    """The requests about a mesh.

    They are the request that the configuration is for, from each client; variants of it; and requests that it should
    not affect.
    """
    plain = draft.plain
    first = [(plain.scheme, plain.host, plain.port, client) for client in CLIENTS]
    schemes = [("http", 80), ("https", 443), (plain.scheme, plain.port), *draft.ports]
    rest = [
        (scheme, host, port, client)
        for scheme, port in schemes
        for host in (API, PAY, OTHER, STRANGER)
        for client in CLIENTS
    ]
    rest += [(scheme, API, port, client) for scheme, port in _UNUSUAL for client in CLIENTS]
    unique = [each for each in dict.fromkeys(rest) if each not in first]
    near = [each for each in unique if each[1] in (API, PAY)]
    far = [each for each in unique if each not in near]
    variants = [_varied(draft, *each) for each in first]
    questions = [Question(_GATEWAY, host, scheme, client, port) for scheme, host, port, client in first]
    questions += [each for each in variants if each not in questions]
    left = REQUESTS - len(questions) - 3
    chosen = draft.rng.sample(near, min(len(near), left)) + draft.rng.sample(far, 3)
    yield from questions
    for each in chosen:
        yield (
            _varied(draft, *each)
            if draft.rng.random() < 0.3
            else Question(_GATEWAY, each[1], each[0], each[3], each[2])
        )


_UNUSUAL = (
    ("http", 8080),
    ("http", 443),
    ("https", 80),
    ("https", 8443),
    ("tls", 443),
    ("grpc", 80),
    ("tcp", 5432),
    ("tcp", 443),
)


def _varied(draft: Draft, scheme: str, host: str, port: int, client: str) -> Question:
    """The request with another path, method or header if its scheme has them."""
    if scheme not in ("http", "https"):
        return Question(_GATEWAY, host, scheme, client, port)
    path = draft.pick([*draft.paths, "/v1", "/"])
    method = draft.pick([*draft.methods, "GET", "POST"])
    headers = tuple([draft.pick(draft.headers)] if draft.headers else [])
    return Question(_GATEWAY, host, scheme, client, port, path, method, headers)
