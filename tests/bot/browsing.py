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
"""What an element says that is being redrawn: look again."""

WITHIN = 20
"""Seconds for whatever the page shall show; an answer is there in less than one, unless the machine is busy."""

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
        """The first such element, as soon as it is there and visible."""

        def visible(_: Any) -> WebElement | None:
            found = self.driver.find_elements("css selector", selector)
            return next((element for element in found if element.is_displayed()), None)

        return self.wait(visible, f"no visible {selector}")

    def click(self, selector: str) -> None:
        """Clicks the first such element; where it is redrawn between look and click, its successor."""

        def clicked(_: Any) -> bool:
            self.find(selector).click()
            return True

        self.wait(clicked, f"cannot click {selector}")

    def keys(self, selector: str, *typed: str) -> None:
        """Types into the first such element; where it is redrawn between look and key, into its successor."""

        def done(_: Any) -> bool:
            self.find(selector).send_keys(*typed)
            return True

        self.wait(done, f"cannot type into {selector}")

    def clear(self, selector: str) -> None:
        """Empties the first such field; where it is redrawn in between, its successor."""

        def cleared(_: Any) -> bool:
            self.find(selector).clear()
            return True

        self.wait(cleared, f"cannot empty {selector}")

    def wait(self, condition: Callable[[Any], T | None], otherwise: str) -> T:
        """What the condition gives, as soon as that is something; elements may be redrawn meanwhile."""
        waiting = WebDriverWait(self.driver, WITHIN, 0.05, ignored_exceptions=REDRAWN)
        found = waiting.until(lambda driver: condition(driver) or False, otherwise)
        assert found is not False
        return found

    def text(self, selector: str) -> str:
        """What stands in the first such element, found and read in one go."""
        return self.wait(lambda _: self.find(selector).text, f"nothing stands in {selector}")

    def says(self, text: str, selector: str = "#main .scroll") -> None:
        """Waits until the text stands there."""
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
