"""Mutations of genuine payloads: a seeded choice of what an odd sender could make of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from random import Random
from typing import Any, TypeAlias
from urllib.parse import urlencode

Container: TypeAlias = dict[str, Any] | list[Any]

FORM, JSON = "application/x-www-form-urlencoded", "application/json"

_ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1e308, 10**40, "", " ", "\x00", "\u202e", "x" * 70_000, "null", "[]", "{}",
    "../../etc/passwd", "<!channel>", "%s%n", "C0OPS|x", "U0ALICE,U0BOB", "é" * 300, [], {}, [[]],
    [None], {"id": None}, {"id": {"id": "U"}},
    {"": ""}, [{"value": 7}], {"value": []}, {"type": "block_actions"}, "event_callback", "view_submission", "app_mention",
    '{"channel": ["C0OPS"], "span": "x"}', '["C0OPS"]', "7", '{"channel": 7, "span": 1e400}', '{"span": -5}',
)  # fmt: skip


def mutated(payload: Mapping[str, Any], random: Random) -> dict[str, Any]:
    """A copy with one to four changes anywhere."""
    found = deepcopy(dict(payload))
    for _ in range(random.randint(1, 4)):
        _change(random, random.choice(list(_containers(found))))
    return found


def _containers(value: object) -> Iterator[Container]:
    """Every object and list inside the value that is not empty, and the value itself."""
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


def _change(random: Random, place: Container) -> None:
    """Delete, replace, rename or double one part of an object or a list."""
    keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys:
        return
    key = random.choice(keys)
    match random.randrange(6):
        case 0:
            del place[key]
        case 1:
            place[key] = [place[key]] * random.randint(0, 3)
        case 2:
            place[key] = {"id": place[key], "value": place[key]}
        case 3 if isinstance(place, dict):
            place[str(_pick(random))[:50]] = place.pop(key)
        case _:
            place[key] = _pick(random)


def _pick(random: Random) -> Any:
    return deepcopy(random.choice(_ODD))


def body_of(kind: str, payload: Mapping[str, Any], random: Random) -> tuple[bytes, str]:
    """The body and content type; sometimes cut, of the other kind, or with a damaged byte."""
    if kind == "slash_commands":
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in payload.items()}
        body, content_type = urlencode(fields).encode(), FORM
    elif kind == "interactive":
        body, content_type = urlencode({"payload": json.dumps(payload)}).encode(), FORM
    else:
        body, content_type = json.dumps(payload).encode(), JSON
    match random.randrange(20):
        case 0:
            body = body[: random.randrange(len(body) + 1)]
        case 1:
            content_type = random.choice([FORM, JSON, "text/plain", ""])
        case 2 if body:
            place = random.randrange(len(body))
            body = body[:place] + bytes([random.randrange(256)]) + body[place + 1 :]
    return body, content_type
