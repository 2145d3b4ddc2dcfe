"""The length of a thread on a phone: docs/slack.md#numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox import SandboxServer
from checks.config.configuration_file import load
from tests.bot.browsing import Page, browser
from tests.bot.conversation import Conversation, conversation
from tests.bot.messages.test_message_numbers import CLUSTERS, DOCUMENTED, GATEWAY
from tests.clusters.compose import write_bundle
from tests.system import whole_thread
from workers.client import ConnectedClient as Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEIGHT = 844


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("phone")
    with browser(folder, width=390, height=HEIGHT, pixelRatio=1.0, touch=True) as page:
        yield page


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_thread_has_the_documented_number_of_messages_and_screens(
    slack: SandboxServer, client: Client, tmp_path: Path, phone: Page, name: str
) -> None:
    write_bundle(CLUSTERS[name](), tmp_path / "bundle")
    file = tmp_path / "egress-diag.yaml"
    file.write_text(
        f"clusters: [{{name: prod-weu, bundle: '{tmp_path}/bundle'}}]\n"
        "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
    )
    config = load(file)
    client.stores.config = config
    with conversation(slack, client, config) as talk:
        messages, screens = measured(talk, phone)
    assert messages == DOCUMENTED[name][0]
    assert screens == pytest.approx(DOCUMENTED[name][1], rel=0.1), "fonts differ between machines"


def measured(talk: Conversation, phone: Page) -> tuple[int, float]:
    """The messages of a thread, and its height in screens."""
    talk.say(f"/egress-diag prod-weu {GATEWAY}")
    thread = whole_thread(talk.slack)
    phone.open(talk.slack, place=f"C0OPS/{thread[0].ts}")
    phone.find(f'#thread [data-ts="{thread[-1].ts}"]')
    script = (
        "return [...document.querySelectorAll('#thread .scroll .message')].reduce((sum, m) => sum + m.offsetHeight, 0)"
    )
    screens = phone.driver.execute_script(script) / HEIGHT
    print(f"{len(thread)} messages, {screens:.1f} screens")
    return len(thread), screens
