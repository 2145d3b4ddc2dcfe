"""The route in its thread: list and picture, each posted once despite Slack's faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.courier.courier import Courier
from bot.delivery.route_pictures import upload_picture
from bot.sandbox import SandboxServer
from checks.model.findings import Report
from tests.bot.courier.test_courier import FULL, MakeCourier, deliver
from tests.bot.stories import BROKEN, accepted, finish
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP, host_of
from tests.checks.istio.trace.traced import traced
from tests.clusters.compose import named
from tests.system import slots, whole_thread
from workers.client import ConnectedClient as Client
from workers.records.run import Run
from workers.runs.documents import LockLost

pytestmark = pytest.mark.slow

WITH_ROUTE = [*FULL[:2], "route", *FULL[2:]]


def report_with_route() -> Report:
    broken = next(each for each in BREAKAGES if each.name == "the Service has no such port")
    route = traced(broken.do(named(HTTP), HTTP), host_of(HTTP))
    return replace(BROKEN, host=route.host, route=route)


@pytest.fixture
def routed(client: Client) -> Run:
    return finish(client, accepted(client), report_with_route())


def test_the_list_and_the_picture_are_in_the_thread(courier: Courier, slack: SandboxServer, routed: Run) -> None:
    deliver(courier, routed)
    thread = slots(whole_thread(slack))
    assert sorted(thread) == sorted([*WITH_ROUTE, "route/picture"])
    assert thread.index("route") < thread.index("route/picture")


def test_a_second_delivery_uploads_no_second_picture(courier: Courier, slack: SandboxServer, routed: Run) -> None:
    deliver(courier, routed)
    before = len(slack.changes())
    deliver(courier, routed)
    assert len(slack.changes()) == before


def test_without_permission_to_upload_only_the_list_is_posted(
    courier: Courier, slack: SandboxServer, routed: Run
) -> None:
    slack.faults.take_scope("files:write")
    deliver(courier, routed)
    assert sorted(slots(whole_thread(slack))) == sorted(WITH_ROUTE)


def test_an_upload_that_did_not_arrive_is_repeated(new_courier: MakeCourier, slack: SandboxServer, routed: Run) -> None:
    slack.faults.drop_requests(1, "files.getUploadURLExternal")
    deliver(new_courier(), routed)
    assert sorted(slots(whole_thread(slack))) == sorted([*WITH_ROUTE, "route/picture"])


def test_a_courier_that_lost_its_lock_uploads_no_picture(
    courier: Courier, client: Client, slack: SandboxServer, routed: Run
) -> None:
    with client.stores.documents.hold(f"run/{routed.id}") as held:
        assert held is not None
        client.stores.redis.delete(f"egress-diag:courier:run/{routed.id}")
        with pytest.raises(LockLost):
            upload_picture(courier.slack, held, routed)
    assert not slack.calls("files.getUploadURLExternal"), "the courier that took over uploads it too"
