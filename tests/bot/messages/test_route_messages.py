"""The route in Slack: the list of hops, its picture, and inert text from the cluster."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.messages.blocks import Message
from bot.messages.route import route_messages
from bot.messages.route_picture import route_alt_text, route_picture
from bot.messages.run import run_messages
from bot.sandbox.model.block_rules import is_too_long, problems_of_message
from checks.model.route import Correction, Decision, Hop, HopName, Mark, Outcome, Rival, Route, TracedRequest
from checks.reports.document import REPORT, ROUTE
from tests.bot import stories
from tests.bot.messages.test_hostile_text import CONTROL, FORBIDDEN, anything
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, host_of
from tests.checks.istio.trace.traced import traced
from tests.clusters.compose import named
from workers.records.run import Run

NOW = stories.BEGAN + timedelta(seconds=2)


def run_with(route: Route) -> Run:
    found = stories.done(stories.BROKEN)
    assert found.report is not None
    return replace(found, report=replace(found.report, host=route.host, route=route))


def texts(message: Message) -> list[str]:
    def inner(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [v for k, v in value.items() if k in ("text", "alt_text") and isinstance(v, str)]
            return own + [each for v in value.values() for each in inner(v)]
        return [each for v in value for each in inner(v)] if isinstance(value, list) else []

    return [message.text, *inner(list(message.blocks))]


def broken_route(name: str) -> Route:
    broken = next(each for each in BREAKAGES if each.name == name)
    return traced(broken.do(named(HTTP), HTTP), host_of(HTTP), broken.client)


def test_the_list_names_every_hop_and_where_it_breaks() -> None:
    run = run_with(broken_route("the Service has no such port"))
    slots = {message.slot: message for message in run_messages(run, NOW)}
    shown = "\n".join(texts(slots["route"]))
    assert "❌ 4. *gateway Service*" in shown
    assert "503 (NC" in shown
    assert "▫️ 9. destination: not reached" in shown
    assert "kubectl patch" in shown
    assert "route/picture" not in slots


def test_the_picture_is_below_the_list_with_the_same_alternative_text() -> None:
    route = broken_route("the Service has no such port")
    found = route_messages(run_with(route), "F0PICTURE")
    assert [message.slot for message in found] == ["route", "route/picture"]
    image = found[1].blocks[0]
    assert image["slack_file"] == {"id": "F0PICTURE"}
    assert "fails at the hop gateway Service" in image["alt_text"]
    assert problems_of_message(list(found[1].blocks)) == []


@pytest.mark.parametrize("name", sorted({each.name for each in BREAKAGES if HTTP in each.on}))
def test_every_broken_route_can_be_drawn(name: str) -> None:
    route = broken_route(name)
    drawn = Image.open(io.BytesIO(route_picture(route)))
    assert drawn.width == 640
    assert route_alt_text(route)


def test_without_a_host_there_is_no_route() -> None:
    assert route_messages(stories.done(stories.HEALTHY)) == ()


def test_an_unreadable_route_is_omitted() -> None:
    report = run_with(broken_route("the Service has no such port")).report
    assert report is not None
    written = REPORT.dump_python(report, mode="json")
    assert REPORT.validate_python(written).route is not None
    written["route"]["requests"][0]["outcome"] = "teleports"
    assert REPORT.validate_python(written).route is None


@st.composite
def routes(draw: st.DrawFn) -> Route:
    def hop(name: HopName) -> Hop:
        return Hop(
            name,
            draw(st.sampled_from(list(Mark))),
            draw(anything),
            tuple(draw(st.lists(st.builds(Decision, anything, anything, anything, anything), max_size=2))),
            tuple(draw(st.lists(st.builds(Rival, anything, anything), max_size=2))),
            tuple(draw(st.lists(anything, max_size=2))),
        )

    def request() -> TracedRequest:
        corrections = draw(
            st.lists(st.builds(Correction, anything, anything, anything, anything, anything), max_size=2)
        )
        return TracedRequest(
            draw(st.sampled_from(["http", "https", "tcp"])),
            draw(st.integers(1, 65535)),
            tuple(draw(st.lists(anything, max_size=8))),
            draw(st.sampled_from(list(Outcome))),
            draw(st.booleans()),
            draw(anything),
            draw(anything),
            draw(anything),
            tuple(hop(name) for name in HopName),
            tuple(corrections),
        )

    return Route(
        draw(anything), "payments/egress", draw(anything), tuple(request() for _ in range(draw(st.integers(0, 4))))
    )


@settings(max_examples=15, deadline=None)
@given(routes())
def test_messages_are_valid_and_mention_no_one_for_any_object_name(route: Route) -> None:
    for message in route_messages(run_with(route), "F0PICTURE"):
        assert problems_of_message(list(message.blocks)) == []
        assert not is_too_long(list(message.blocks))
        for text in texts(message):
            assert not FORBIDDEN.search(text), text
            assert not CONTROL.search(text), repr(text)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(routes())
def test_any_object_name_survives_a_round_trip_and_can_be_drawn(route: Route) -> None:
    written = ROUTE.dump_json(route)
    parsed = ROUTE.validate_json(written)
    assert ROUTE.dump_json(parsed) == written
    route_picture(parsed)
