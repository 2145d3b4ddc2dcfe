"""A dead socket is detected; an outage of Slack does not cause a restart."""

import threading

import pytest
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.cli import _connect
from bot.listeners.intake import SocketIntake
from bot.sandbox import SandboxServer
from bot.slack.socket_health import RECONNECT_SECONDS, SocketHealth


class World:
    """The state of the SDK's connection and of the Web API, and the time."""

    def __init__(self) -> None:
        self.connected = True
        self.answers = True
        self.now = 0.0
        self.health = SocketHealth(lambda: self.connected, lambda: self.answers, lambda: self.now)

    def after(self, seconds: float) -> bool:
        self.now += seconds
        return self.health.alive()


def test_a_socket_that_remains_down_while_slack_answers_is_dead() -> None:
    world = World()
    assert world.after(0)
    world.connected = False
    assert world.after(1)
    assert world.after(RECONNECT_SECONDS - 1)
    assert not world.after(2)


def test_the_sdk_may_reconnect() -> None:
    world = World()
    world.connected = False
    assert world.after(RECONNECT_SECONDS - 1)
    world.connected = True
    assert world.after(5)
    world.connected = False
    assert world.after(RECONNECT_SECONDS - 1)


def test_while_slack_is_down_nothing_is_restarted() -> None:
    world = World()
    world.connected = world.answers = False
    assert world.after(0)
    assert world.after(10 * RECONNECT_SECONDS)
    world.answers = True
    assert world.after(0)
    assert not world.after(RECONNECT_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["[1]", '{"ok": true, "url": 7}', "<html></html>"])
def test_an_answer_of_any_shape_about_the_socket_is_followed_by_another_attempt(
    slack: SandboxServer, answer: str
) -> None:
    app = App(
        client=WebClient(token=slack.app.bot_token, base_url=slack.api_url),
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=slack.app.bot_token),
        signing_secret="unused",
    )
    socket = SocketIntake(app, slack.app.app_token)
    slack.faults.answer_with(answer, 1, "apps.connections.open")
    threading.Thread(target=_connect, args=(socket, 0.1), daemon=True).start()
    try:
        slack.wait_until(socket.client.is_connected, 60)
    finally:
        socket.close()
