"""A route as the JSON of a report's `route`, and back."""

from collections.abc import Mapping
from typing import Any

from checks.model.raw_values import flag, items, number, text, texts
from checks.model.redaction import redact
from checks.model.route import Correction, Decision, Hop, HopName, Mark, Outcome, Rival, Route, Way


def route_to_json(route: Route) -> dict[str, Any]:
    """The document's part, with secrets taken out of every text."""
    found: dict[str, Any] = _redacted(
        {
            "host": route.host,
            "gateway": route.gateway,
            "summary": route.summary,
            "whole": route.whole,
            "known": route.known,
            "carries": list(route.carries),
            "problem": route.problem,
            "nearest": list(route.nearest),
            "ways": [_way(each) for each in route.ways],
        }
    )
    return found


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return {key: _redacted(each) for key, each in value.items()} if isinstance(value, dict) else value


def _way(way: Way) -> dict[str, Any]:
    return {
        "scheme": way.scheme,
        "port": way.port,
        "from": list(way.clients),
        "outcome": way.outcome.value,
        "meant": way.meant,
        "summary": way.summary,
        "answer": way.answer,
        "address": way.address,
        "revision": way.revision,
        "breaks_at": way.broken.name.value if way.broken is not None else "",
        "cause": way.cause,
        "hops": [_hop(each) for each in way.hops],
        "corrections": [
            {
                "title": c.title,
                "resource": c.resource,
                "command": c.command,
                "manifest": c.manifest,
                "elsewhere": c.elsewhere,
            }
            for c in way.corrections
        ],
    }


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "hop": hop.name.value,
        "mark": hop.mark.value,
        "says": hop.says,
        "decided": [{"resource": d.resource, "field": d.field, "chosen": d.chosen, "why": d.why} for d in hop.decided],
        "rivals": [{"resource": r.resource, "why": r.why} for r in hop.rivals],
        "doubts": list(hop.doubts),
        "cause": hop.cause,
        "finding": hop.finding,
    }


def route_from_json(raw: object) -> Route | None:
    """The route of a report's document; None where there is none, or one that this version cannot read."""
    if not isinstance(raw, Mapping):
        return None
    try:
        return Route(
            host=text(raw, "host"),
            gateway=text(raw, "gateway"),
            summary=text(raw, "summary"),
            ways=tuple(_read_way(each) for each in items(raw, "ways")),
            known=flag(raw, "known") is True,
            carries=texts(raw, "carries"),
            problem=text(raw, "problem"),
            nearest=texts(raw, "nearest"),
        )
    except ValueError:
        return None


def _read_way(raw: Mapping[str, Any]) -> Way:
    return Way(
        scheme=text(raw, "scheme"),
        port=number(raw, "port") or 0,
        clients=texts(raw, "from"),
        outcome=Outcome(text(raw, "outcome")),
        meant=flag(raw, "meant") is True,
        summary=text(raw, "summary"),
        answer=text(raw, "answer"),
        address=text(raw, "address"),
        hops=tuple(_read_hop(each) for each in items(raw, "hops")),
        corrections=tuple(
            Correction(*(text(c, key) for key in ("title", "resource", "command", "manifest", "elsewhere")))
            for c in items(raw, "corrections")
        ),
        revision=text(raw, "revision"),
    )


def _read_hop(raw: Mapping[str, Any]) -> Hop:
    return Hop(
        name=HopName(text(raw, "hop")),
        mark=Mark(text(raw, "mark")),
        says=text(raw, "says"),
        decided=tuple(
            Decision(text(d, "resource"), text(d, "field"), text(d, "chosen"), text(d, "why"))
            for d in items(raw, "decided")
        ),
        rivals=tuple(Rival(text(r, "resource"), text(r, "why")) for r in items(raw, "rivals")),
        doubts=texts(raw, "doubts"),
        cause=text(raw, "cause"),
        finding=text(raw, "finding"),
    )
