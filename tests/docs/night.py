"""Play a night of incidents in a browser, as a review: `python -m tests.docs.night FOLDER`.

Each scene is a picture at a width of 1400 and one at 390 pixels. Needs chromium and chromedriver.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bot.sandbox import App, RateLimits, SandboxServer, StoredMessage
from checks.config.configuration_file import load
from tests.bot.browsing import Page, browser
from tests.bot.conversation import Conversation, conversation
from tests.bot.courier.test_newest_blocks import NEW
from tests.bot.fleet.test_fleet import form, tick
from tests.bot.messages.test_message_numbers import CLUSTERS, GATEWAY
from tests.bot.stories import ORDER, accepted, append, finish
from tests.bot.test_card import watch_to_its_end
from tests.bot.test_under_alert import ATTACHMENT, posted
from tests.clusters.compose import Cluster, named, write_bundle
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question
from tests.redis_server import RedisServer
from tests.system import PATIENT, slot
from workers.client import connect
from workers.fleet.service import current_time
from workers.queue.settings import WorkerSettings
from workers.records.listing import Listing, ListingState
from workers.records.run import Target

WIDTHS = {"1400": {}, "390": {"width": 390, "height": 844, "pixelRatio": 2.0, "touch": True}}
RULES = (
    "  - {allow: [diagnose, handoff, digest], users: ['U0ALICE', 'U0BOB'], channels: ['*']}\n"
    "  - {allow: [diagnose], users: ['*'], channels: ['*']}\n"
)


def warning() -> Cluster:
    """A gateway whose autoscaler is at its limit."""
    return next(each.cluster for each in incidents() if each.name.startswith("053-"))


_LABELS = "cluster: prod-par\nnamespace: team-egress\nservice: egw"

BUNDLES: dict[str, Callable[[], Cluster]] = {
    "prod-weu": CLUSTERS["broken"],
    "prod-neu": lambda: named("base"),
    "prod-fra": CLUSTERS["starting"],
    "prod-sea": CLUSTERS["unreachable"],
    "prod-mad": warning,
    "prod-par": CLUSTERS["broken"],
}


class Night:
    """A conversation, and a browser of each width."""

    def __init__(self, talk: Conversation, pages: dict[str, Page], folder: Path, bundles: Path) -> None:
        self.talk = talk
        self.pages = pages
        self.folder = folder
        self.bundles = bundles

    def picture(self, name: str, place: str = "C0OPS", *, user: str = "U0ALICE", to: str = "end") -> None:
        """Save a picture of a channel, or of a thread (`CHANNEL/TS`)."""
        pane = "#thread" if "/" in place else "#main"
        for width, page in self.pages.items():
            page.open(self.talk.slack, user=user, place=place)
            page.find(f"{pane} .message, {pane} .home")
            top = "0" if to == "top" else "1e6"
            page.driver.execute_script(
                f"const pane = document.querySelector('{pane} .scroll'); if (pane) pane.scrollTop = {top}"
            )
            wide = page.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            if wide > 0:
                print(f"{name} at {width} is {wide} pixels too wide")
            page.driver.save_screenshot(str(self.folder / f"{name}-{width}.png"))

    def thread(self, name: str, message: StoredMessage, *, to: str = "end", user: str = "U0ALICE") -> None:
        self.picture(name, f"{message.channel}/{message.ts}", to=to, user=user)

    def heal(self, cluster: str) -> None:
        """Let the cluster be healthy from now on."""
        write_bundle(named("base"), self.bundles / f"{cluster}-healed")
        clusters = self.talk.diagnoser.clusters
        found = tuple(
            each.model_copy(update={"bundle": self.bundles / f"{cluster}-healed"}) if each.name == cluster else each
            for each in clusters.config.clusters
        )
        clusters.config = clusters.config.model_copy(update={"clusters": found})


def main(folder: Path) -> None:
    """Play the night, and print the first line of each notification."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        bundles = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(bundles)
        redis.start()
        stack.callback(redis.kill)
        rows = ""
        for name, make in BUNDLES.items():
            write_bundle(make(), bundles / name)
            rows += f"  - {{name: {name}, bundle: '{bundles / name}'}}\n"
        (bundles / "egress-diag.yaml").write_text(f"clusters:\n{rows}access:\n{RULES}")
        config = load(bundles / "egress-diag.yaml")
        client = connect(WorkerSettings(REDIS_URL=redis.url, EGRESS_DIAG_WATCH_INTERVAL=1), config, retry=True)
        stack.callback(client.close)
        app = App(canvases=True)
        slack = stack.enter_context(SandboxServer(app=app, limits=RateLimits.off(), timing=PATIENT))
        talk = stack.enter_context(conversation(slack, client, config))
        pages = {
            width: stack.enter_context(browser(bundles / f"browser-{width}", **size)) for width, size in WIDTHS.items()
        }
        pages["1400"].driver.set_window_size(1400, 1000)
        night = Night(talk, pages, folder, bundles)
        for scene in (incident, others, mistakes, under_an_alert, shift, home, assistant, classic):
            print(f"scene: {scene.__name__}", flush=True)
            scene(night)
        for message in slack.messages("C0OPS"):
            print(f"{slot(message) or message.author}: {message.text[:90]}")


def incident(night: Night) -> None:
    """A broken gateway: card, recipe, second command, ownership, watch, recovery."""
    talk = night.talk
    talk.say(f"/egress-diag prod-weu {GATEWAY}")
    card = talk.parents[0]
    night.picture("01-card")
    night.thread("02-thread-top", card, to="top")
    night.thread("03-thread-end", card)
    talk.say(f"/egress-diag prod-weu {GATEWAY}", user="U0BOB")
    night.picture("04-second-command", user="U0BOB")
    for words in (
        "why",
        "is it the gateway or the host?",
        "what next",
        "who owns it",
        "is it fixed",
        "how do I make tea",
    ):
        talk.say(f"@egress-diag {words}", thread=card)
    night.thread("05-questions", card)
    talk.press(card, "check_again")
    night.thread("06-check-again", card)
    talk.press(card, "own", user="U0BOB")
    talk.press(card, "watch")
    night.picture("07-owned-and-watched", to="top")
    night.heal("prod-weu")
    watch_to_its_end(talk)
    night.picture("08-recovered", to="top")
    night.thread("09-watch-ended", card)


def others(night: Night) -> None:
    """A host, a gateway that starts, one with a warning, and an unreachable cluster."""
    for number, words in enumerate(
        (
            f"prod-neu {GATEWAY} --host edition.cnn.com",
            f"prod-neu {GATEWAY} --host api.x.example",
            f"prod-fra {GATEWAY}",
            f"prod-sea {GATEWAY}",
            f"prod-mad {GATEWAY}",
            f"prod-neu {GATEWAY}",
        ),
        start=1,
    ):
        night.talk.say(f"/egress-diag {words}")
        parent = night.talk.parents[-1]
        night.picture(f"1{number}-{words.split()[0]}-channel")
        night.thread(f"1{number}-{words.split()[0]}-thread", parent, to="top")


def mistakes(night: Night) -> None:
    """Answers to one person."""
    for words in (
        "prod-wue egw",
        "egw prod-neu",
        "prod-neu",
        "team-egress egw",
        f"prod-neu {GATEWAY} --from nosuch/app",
    ):
        night.talk.say(f"/egress-diag {words}", user="U0CAROL")
    night.picture("21-mistakes", user="U0CAROL")


def under_an_alert(night: Night) -> None:
    """A mention in a reply under an alert's message, about a gateway without a card."""
    above = posted(night.talk, "", {**ATTACHMENT, "fields": [{"title": "Labels", "value": _LABELS}]})
    night.talk.say("@egress-diag why?", thread=above)
    night.thread("22-under-an-alert", above)


def shift(night: Night) -> None:
    """A digest and a handoff with warnings and a gateway that starts, and its takeover."""
    talk = night.talk
    tick(talk, current_time())
    talk.say("/egress-diag digest now")
    tick(talk, current_time())
    night.picture("31-digest")
    talk.say("/egress-diag handoff 8h @bob the pool of prod-fra is with Azure")
    view = form(talk, "starting")
    night.picture("32-handoff-draft")
    talk.slack.submit_view(view, {"next": "U0BOB", "note": "the pool of prod-fra is with Azure"})
    talk.play()
    handoff = next(m for m in talk.slack.messages("C0OPS") if "Handoff" in m.text)
    talk.press(handoff, "take_handoff", user="U0BOB")
    night.picture("33-handoff-taken")
    (canvas,) = talk.slack.canvases()
    for width, page in night.pages.items():
        page.driver.get(f"{talk.slack.url}docs/T0SANDBOX/{canvas.id}")
        page.find("#canvas h1")
        page.driver.save_screenshot(str(night.folder / f"34-canvas-{width}.png"))
    owned = next(m for m in talk.parents if "prod-fra" in m.shown)
    night.thread("35-card-after-the-handoff", owned, to="top")


def home(night: Night) -> None:
    night.talk.slack.open_home(user="U0BOB")
    night.talk.play()
    night.picture("36-home", "home", user="U0BOB", to="top")


def assistant(night: Night) -> None:
    """The assistant view: prompts, a check, and questions about it."""
    talk = night.talk
    _, thread = talk.slack.open_assistant(viewed="C0OPS")
    talk.play()
    night.thread("41-assistant-new", thread)
    talk.say(f"prod-mad {GATEWAY}", channel=thread.channel, thread=thread)
    night.thread("42-assistant-result", thread)


def classic(night: Night) -> None:
    """The live run, a list and steps with the newest blocks, and in a workspace without them."""
    talk, cluster = night.talk, named("base")
    report = diagnosed(cluster, question(cluster, GATEWAY)).finish(0.0)
    for name in ("newest", "classic"):
        if name == "classic":
            talk.slack.faults.refuse_blocks(*NEW)
        order = replace(ORDER, target=Target("prod-neu", "egw", "team-egress"), channel="C0PAY", key=name)
        run = accepted(talk.client, order)
        append(talk.client, run, *report.findings[:10])
        talk.courier.deliver(f"run/{run.id}")
        night.picture(f"51-live-run-{name}", "C0PAY")
        finish(talk.client, run, report)
        talk.play()
        parent = next(m for m in reversed(talk.slack.messages("C0PAY")) if slot(m) == "parent")
        night.thread(f"52-steps-{name}", parent, to="top")
        gateways = ((GATEWAY, True), ("team-egress/old", False))
        listing = Listing(name, "prod-neu", "U0ALICE", "C0PAY", state=ListingState.DONE, gateways=gateways)
        talk.client.stores.listings.request(listing)
        talk.client.stores.documents.changed(f"listing/{name}")
        talk.say("/egress-diag digest now", channel="C0PAY")
        tick(talk, current_time())
        night.picture(f"53-list-and-digest-{name}", "C0PAY")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
