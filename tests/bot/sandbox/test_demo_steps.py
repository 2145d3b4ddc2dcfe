"""A newcomer probes and restarts the gateway of the demo's live cluster, in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox.cluster.example_cluster import LIVE_CLUSTER
from tests.bot.browsing import Page, browser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

THREAD = "#thread .scroll"


@pytest.fixture
def page_of_demo() -> Iterator[str]:
    """The address of the page of a running demo, after its first thread."""
    command = [sys.executable, "-m", "checks.cli.main", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            found = (re.search(r"^Open (\S+) and", line) for line in demo.stdout)
            yield next(match[1] for match in found if match)
        finally:
            demo.terminate()
            demo.wait(60)


def newest(page: Page, selector: str) -> None:
    """Click the last matching element, which may still have to appear."""

    def clicked(_: object) -> bool:
        found = page.driver.find_elements("css selector", selector)
        if found:
            found[-1].click()
        return bool(found)

    page.wait(clicked, f"cannot click {selector}")


def confirm(page: Page, *lines: str) -> None:
    """Open the form of the newest step, which shows these lines, and submit it."""
    newest(page, "#thread [data-action-id=confirm_step]")
    for line in lines:
        page.shows(line, ".modal")
    page.click(".modal .submit")
    page.wait(lambda _: not page.count(".modal"), "the form is still open")


def follow(page: Page, *texts: str) -> None:
    for text in texts:
        page.shows(text, THREAD)


def test_a_probe_shows_another_address_and_a_restart_fixes_it(page_of_demo: str, tmp_path: Path) -> None:
    with browser(tmp_path / "profile") as page:
        page.driver.set_window_size(1400, 1000)
        page.driver.get(f"{page_of_demo}?user=U0ALICE#C0OPS")
        page.type(f"/egress-diag {LIVE_CLUSTER} team-egress/egw")
        page.shows("52 checks passed")
        newest(page, ".replies")
        page.type("@egress-diag probe", "#thread .composer textarea")
        confirm(page, "Creates one pod outside the mesh in namespace team-egress", "docker.io/curlimages/curl")
        follow(page, "leaves as 20.50.60.1", "an address of the egress IP prefix", "53 checked")
        page.type("@egress-diag probe gateway", "#thread .composer textarea")
        confirm(page, "ephemeral container")
        follow(
            page,
            "leaves as 52.1.2.3, which is not in the egress IP prefix",
            "EG413 Traffic leaves from an address outside",
        )
        newest(page, "#thread [data-action-id^='step/restart']")
        confirm(page, "Restarts the 2 pods of Deployment team-egress/egw-asm-1-30")
        follow(page, "As expected: Restart of the gateway", "resolved: EG413")
        page.type("@egress-diag probe gateway", "#thread .composer textarea")
        confirm(page)
        page.wait(lambda _: page.text(THREAD).count("leaves as 20.50.60.1") >= 2, "no second probe by the prefix")
