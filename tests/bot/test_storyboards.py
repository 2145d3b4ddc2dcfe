"""An incident in the browser, on a desktop and on a phone: command, every button, and form.

`PICTURES=folder` saves a screenshot of each scene.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from checks.config.configuration_file import load
from tests.bot.browsing import Page, browser
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.system import PATIENT, slot
from workers.client import connect
from workers.queue.settings import WorkerSettings

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

DEVICES = {
    "desktop": {},
    "phone": {"width": 375, "height": 812, "pixelRatio": 2.0, "touch": True},
}


class Stage:
    """One person's browser on a conversation whose work is done in the background."""

    def __init__(self, page: Page, talk: Conversation, folder: Path, device: str) -> None:
        self.page = page
        self.talk = talk
        self.folder = folder
        self.device = device
        self.pictures = os.environ.get("PICTURES", "")  # noqa: TID251 - a folder for screenshots

    def picture(self, name: str) -> None:
        """Save a screenshot if PICTURES is set; assert that nothing is wider than the window."""
        wide = self.page.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide"
        if self.pictures:
            time.sleep(0.3)
            Path(self.pictures).mkdir(parents=True, exist_ok=True)
            self.page.driver.save_screenshot(str(Path(self.pictures) / f"{self.device}-{name}.png"))

    def open_thread(self) -> None:
        """Open the thread of the newest run."""
        parent = self.talk.parents[-1]
        self.page.driver.get("about:blank")
        self.page.driver.get(f"{self.talk.slack.url}?user=U0ALICE#C0OPS/{parent.ts}")
        self.page.find("#thread .scroll .message")

    def scroll(self, selector: str, to: str) -> None:
        """Scroll to the first or the last message."""
        where = {"top": "0", "end": "element.scrollHeight"}[to]
        script = f"const element = document.querySelector('{selector}'); element.scrollTop = {where}"
        self.page.driver.execute_script(script)

    def button(self, message: StoredMessage, action: str, pane: str = "#thread") -> str:
        """The selector of a message's button."""
        return f'{pane} [data-ts="{message.ts}"] [data-action-id="{action}"]'

    def click(self, selector: str) -> None:
        """Scroll to the element and click; if it is redrawn before that, click its replacement."""

        def clicked(_: object) -> bool:
            element = self.page.find(selector)
            self.page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self.page.wait(clicked, f"cannot click {selector}")

    def choose(self, message: StoredMessage, word: str) -> None:
        """Choose from a message's menu."""
        self.click(f'#thread [data-ts="{message.ts}"] [data-action-id="more"] button')
        self.click(f""".popup [data-value^='{{"option":"{word}"']""")

    def shows(self, text: str, pane: str = "#thread .scroll") -> None:
        self.page.wait(lambda _: text in self.page.find(pane).text.replace("\u2060", ""), f"{text!r} is not in {pane}")


@pytest.fixture(params=list(DEVICES))
def stage(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    config = load(write_config(tmp_path))
    client = connect(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_WATCH_INTERVAL=1), config, retry=True)
    over = threading.Event()

    def go_on(talk: Conversation) -> None:
        while not over.is_set():
            talk.step()
            over.wait(0.05)

    with (
        SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
        conversation(slack, client, config) as talk,
        browser(tmp_path / "profile", **DEVICES[request.param]) as page,
    ):
        if request.param == "desktop":
            page.driver.set_window_size(1400, 1000)
        player = threading.Thread(target=go_on, args=(talk,))
        player.start()
        try:
            page.open(slack)
            yield Stage(page, talk, tmp_path, request.param)
        finally:
            over.set()
            player.join(120)
    client.close()


def test_an_incident_from_the_first_keystroke_to_recovery(stage: Stage) -> None:  # noqa: PLR0915 - one story
    page, talk = stage.page, stage.talk

    # A mistake is answered to the person alone; its button runs the corrected command.
    page.type("/egress-diag prod-wue egw")
    page.shows("Did you mean prod-weu", "#main .scroll")
    stage.picture("1-mistake")
    page.click('#main [data-action-id="suggestion/0"]')
    talk.slack.wait_until(lambda: talk.parents and "check_again" in talk.parents[0].buttons)
    page.shows("Broken:", "#main .scroll")
    stage.scroll("#main .scroll", "end")
    stage.picture("2-channel")

    # The thread: root cause first, symptoms folded.
    stage.open_thread()
    stage.shows("Root cause")
    stage.scroll("#thread .scroll", "top")
    stage.picture("3-thread")
    parent = talk.parents[0]
    verdict = next(m for m in talk.slack.thread(parent) if slot(m) == "verdict")
    stage.click(stage.button(verdict, next(b for b in verdict.buttons if b.startswith("unfold"))))
    talk.slack.wait_until(lambda: "kubectl" in talk.last_answer())
    stage.shows("Only visible to you")
    stage.picture("4-unfolded")

    # Why, and the commands to copy.
    stage.choose(parent, "why")
    talk.slack.wait_until(lambda: "↳" in talk.last_answer())
    stage.scroll("#thread .scroll", "end")
    stage.picture("5-why")
    stage.choose(parent, "commands")
    talk.slack.wait_until(lambda: "commands for" in talk.last_answer())
    stage.scroll("#thread .scroll", "end")
    stage.picture("6-commands")

    # Take it; the files; report a wrong result.
    stage.click(stage.button(parent, "own"))
    stage.shows("Owner:")
    stage.choose(parent, "bundle")
    stage.choose(parent, "report")
    talk.slack.wait_until(lambda: len(talk.slack.files()) == 2)
    stage.scroll("#thread .scroll", "end")
    stage.picture("7-files")
    stage.choose(parent, "wrong")
    page.keys(".modal textarea", "The pool is there since 02:50.")
    stage.picture("8-wrong")
    page.click(".modal .submit")
    talk.slack.wait_until(lambda: "kept for a year" in talk.last_answer())

    # Watch until fixed.
    stage.click(stage.button(parent, "watch"))
    stage.shows("Watching")
    write_bundle(named("base"), stage.folder / "fixed")
    (stage.folder / "broken").rename(stage.folder / "before")
    (stage.folder / "fixed").rename(stage.folder / "broken")
    talk.slack.wait_until(lambda: any(slot(m) == "end" for m in talk.slack.thread(parent)))
    stage.shows("Recovered")
    stage.scroll("#thread .scroll", "end")
    stage.picture("9-fixed")

    # A check again, as a mention in the thread: nothing changed, and the card keeps the recovery.
    page.keys("#thread .composer textarea", "@egress-diag again", Keys.ENTER)
    talk.slack.wait_until(lambda: [m for m in talk.slack.thread(parent) if slot(m) == "parent"])
    stage.shows("Nothing changed")
    stage.scroll("#thread .scroll", "end")
    stage.picture("10-again")
    assert "Recovered <!date" in talk.parents[0].shown
    assert not talk.parents[0].buttons


def test_a_healthy_gateway_a_form_and_the_app_home(stage: Stage) -> None:
    page, talk = stage.page, stage.talk
    talk.client.stores.history.keep_inventory("prod-neu", (("team-egress/egw", True),))
    page.type("/egress-diag")
    page.keys(".modal select", "prod-neu")
    talk.slack.wait_until(lambda: "gateway/prod-neu" in str((talk.slack.view() or talk.slack.view()).blocks))  # type: ignore[union-attr]
    page.keys('.modal [data-action-id="gateway"] input', "egw")
    stage.click('.modal [data-value="team-egress/egw"]')
    page.keys('.modal [data-action-id="host"]', "not a host")
    page.click(".modal .submit")
    page.shows('"not a host" is not a host name', ".modal")
    stage.picture("11-form")
    page.clear('.modal [data-action-id="host"]')
    page.click(".modal .submit")
    page.wait(lambda _: not page.count(".modal"), "the form is still open")
    talk.slack.wait_until(lambda: talk.parents and "check_again" in talk.parents[0].buttons)
    stage.open_thread()
    stage.shows("passed")
    stage.scroll("#thread .scroll", "top")
    stage.picture("12-healthy")
    page.open(talk.slack, place="home")
    page.shows("Running now", "#main .scroll")
    stage.picture("13-home")
    page.open(talk.slack)
    page.type("/egress-diag help")
    page.shows("open the form", "#main .scroll")
    page.type("/egress-diag history prod-neu egw")
    page.shows("Last 1 run", "#main .scroll")
    stage.scroll("#main .scroll", "end")
    stage.picture("14-help")
