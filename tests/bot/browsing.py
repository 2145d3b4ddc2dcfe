"""A real browser on the sandbox's page, without a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from bot.sandbox import SandboxServer
from tests.programs import program

T = TypeVar("T")

REDRAWN = (StaleElementReferenceException, ElementNotInteractableException, ElementClickInterceptedException)
"""The exceptions of an element that is being redrawn: find it again."""

WITHIN = 60
"""Time limit in seconds for a change of the page.

It takes less than one second unless the machine is busy.
"""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


class Page:
    """A browser window on the sandbox."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, slack: SandboxServer, user: str = "U0ALICE", place: str = "C0OPS") -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{slack.url}?user={user}#{place}")
        self.find("#main .composer textarea, #main .home, #main .empty, #main .archived")

    def find(self, selector: str) -> WebElement:
        """The first matching element, once it is visible."""

        def visible(_: Any) -> WebElement | None:
            found = self.driver.find_elements("css selector", selector)
            return next((element for element in found if element.is_displayed()), None)

        return self.wait(visible, f"no visible {selector}")

    def click(self, selector: str) -> None:
        """Click the first matching element.

        If it is redrawn before the click, click its replacement.
        """

        def clicked(_: Any) -> bool:
            self.find(selector).click()
            return True

        self.wait(clicked, f"cannot click {selector}")

    def keys(self, selector: str, *typed: str) -> None:
        """Type into the first matching element.

        If it is redrawn before the keystroke, type into its replacement.
        """

        def done(_: Any) -> bool:
            self.find(selector).send_keys(*typed)
            return True

        self.wait(done, f"cannot type into {selector}")

    def clear(self, selector: str) -> None:
        """Clear the first matching field; if it is redrawn before that, clear its replacement."""

        def cleared(_: Any) -> bool:
            self.find(selector).clear()
            return True

        self.wait(cleared, f"cannot empty {selector}")

    def wait(self, condition: Callable[[Any], T | None], otherwise: str) -> T:
        """Wait for the condition and return its first truthy value.

        Elements may be redrawn in the meantime.
        """
        waiting = WebDriverWait(self.driver, WITHIN, 0.05, ignored_exceptions=REDRAWN)
        found = waiting.until(lambda driver: condition(driver) or False, otherwise)
        assert found is not False
        return found

    def text(self, selector: str) -> str:
        """The text of the first matching element, found and read in one step."""
        return self.wait(lambda _: self.find(selector).text, f"no text in {selector}")

    def shows(self, text: str, selector: str = "#main .scroll") -> None:
        """Wait until the element contains the text."""
        self.wait(lambda _: text in self.find(selector).text, f"{text!r} is not in {selector}")

    def type(self, text: str, selector: str = "#main .composer textarea") -> None:
        self.keys(selector, text, Keys.ENTER)

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements("css selector", selector))


@contextmanager
def browser(profile: Path, **mobile: Any) -> Iterator[Page]:
    options = ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if mobile:
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": mobile})
    driver = Chrome(options=options, service=ChromeService(program("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()
