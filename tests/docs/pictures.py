"""Take the pictures of the pages from the sandbox: `python -m tests.docs.pictures`.

Needs chromium and chromedriver.
"""

import tempfile
from pathlib import Path

from bot.sandbox import App, RateLimits, SandboxServer
from tests.bot.browsing import browser
from tests.bot.slack.test_manifest import scopes
from tests.bot.step_stories import step_conversation
from tests.docs.commands import ROOT
from tests.redis_server import RedisServer
from tests.system import System, complete, whole_thread

PICTURES = ROOT / "docs" / "pictures"


def main() -> None:
    """A run whose gateway has no node pool, on a desktop and on a phone."""
    PICTURES.mkdir(exist_ok=True)
    bundle = ROOT / "examples" / "bundles" / "gateway-pool-missing"
    with (
        tempfile.TemporaryDirectory() as name,
        SandboxServer(app=App(scopes=scopes()), limits=RateLimits.off()) as slack,
    ):
        folder = Path(name)
        config = folder / "egress-diag.yaml"
        config.write_text(
            f"clusters: [{{name: prod-weu, bundle: '{bundle}'}}]\n"
            "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
        )
        redis = RedisServer(folder, durable=True)
        redis.start()
        try:
            with System(folder, redis, slack, config) as system:
                slack.say("/egress-diag prod-weu team-egress/egw")
                system.wait(lambda: complete(whole_thread(slack)), 40, "no thread")
                parent = whole_thread(slack)[0]
                with browser(folder / "desktop") as page:
                    page.driver.set_window_size(1400, 1000)
                    page.open(slack, place=f"C0OPS/{parent.ts}")
                    page.driver.execute_script("document.querySelector('#thread .scroll').scrollTop = 0")
                    page.driver.save_screenshot(str(PICTURES / "thread.png"))
                with browser(folder / "phone", width=390, height=844, pixelRatio=2.0, touch=True) as page:
                    page.open(slack)
                    page.driver.execute_script("document.querySelector('#main .scroll').scrollTop = 0")
                    page.driver.save_screenshot(str(PICTURES / "phone.png"))
        finally:
            redis.kill()


def active_steps() -> None:
    """A gateway that uses another address: the form of a probe, and its thread."""
    with (
        tempfile.TemporaryDirectory() as name,
        SandboxServer(app=App(scopes=scopes()), limits=RateLimits.off()) as slack,
    ):
        folder = Path(name)
        redis = RedisServer(folder, durable=True)
        redis.start()
        try:
            with (
                step_conversation(slack, redis.url, folder) as (talk, _),
                browser(folder / "desktop") as page,
            ):
                page.driver.set_window_size(1400, 1000)
                talk.say("/egress-diag prod-weu team-egress/egw")
                thread = f"C0OPS/{talk.parents[0].ts}"
                talk.say("@egress-diag probe gateway", thread=talk.parents[0])
                talk.press(talk.steps[0], "confirm_step")
                page.open(slack, place=thread)
                page.find(".modal")
                page.driver.save_screenshot(str(PICTURES / "step-form.png"))
                talk.submit()
                page.open(slack, place=thread)
                page.driver.execute_script("document.querySelector('#thread .scroll').scrollTop = 1e6")
                page.driver.save_screenshot(str(PICTURES / "step-result.png"))
                talk.press(talk.find("step/restart"), "step/restart-egw-asm-1-30")
                talk.press(talk.steps[1], "confirm_step")
                talk.submit()
                page.open(slack, place=thread)
                page.driver.execute_script("document.querySelector('#thread .scroll').scrollTop = 1e6")
                page.driver.save_screenshot(str(PICTURES / "steps.png"))
        finally:
            redis.kill()


if __name__ == "__main__":
    main()
    active_steps()
