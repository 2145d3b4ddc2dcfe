"""The page in a real browser, on a desktop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from slack_bolt import App as Bolt
from slack_sdk import WebClient

from bot.sandbox import SandboxServer
from tests.bot.browsing import Page, browser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("desktop")) as page:
        yield page


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("phone"), width=375, height=740, pixelRatio=2.0, touch=True) as page:
        yield page


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def button(action_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(action_id), "value": "run-1"} | more


def test_a_typed_command_shows_its_answer(slack: SandboxServer, bolt: Bolt, desktop: Page) -> None:
    @bolt.command("/egress-diag")
    def answer(ack: Any, command: dict[str, str]) -> None:
        ack(f"checking *{command['text']}*")

    desktop.open(slack)
    desktop.type("/egress-diag prod-weu egress-payments")
    desktop.shows("Only visible to you")
    assert desktop.text(".message strong") == "prod-weu egress-payments"


def test_a_bot_that_does_not_answer_is_shown(slack: SandboxServer, desktop: Page) -> None:
    desktop.open(slack)
    desktop.type("/egress-diag prod-weu x")
    desktop.shows('/egress-diag failed with the error "dispatch_failed"')


def test_updates_appear_without_a_reload(slack: SandboxServer, client: WebClient, desktop: Page) -> None:
    desktop.open(slack)
    ts = client.chat_postMessage(channel="C0OPS", text="⏳ checking…")["ts"]
    desktop.shows("⏳ checking…")
    client.chat_postMessage(channel="C0OPS", thread_ts=ts, text="first step")
    desktop.shows("1 reply")
    client.chat_update(channel="C0OPS", ts=ts, text=":x: Broken")
    desktop.shows("❌ Broken (edited)")
    desktop.click(".replies")
    desktop.shows("first step", "#thread .scroll")
    client.chat_postMessage(channel="C0OPS", thread_ts=ts, text="second step")
    desktop.shows("second step", "#thread .scroll")
    desktop.type("@egress-diag again", "#thread .composer textarea")
    slack.wait_until(lambda: len(slack.thread("C0OPS", ts)) == 3)
    assert slack.thread("C0OPS", ts)[-1].text == "<@U0BOT> again"
    client.chat_delete(channel="C0OPS", ts=ts)
    desktop.wait(lambda _: not desktop.count(f'#main [data-ts="{ts}"]'), "the message is still there")


def test_unchanged_elements_remain_under_the_pointer(
    slack: SandboxServer, bolt: Bolt, client: WebClient, desktop: Page
) -> None:
    """A message is updated and others arrive while a person is about to press its button."""
    pressed: list[str] = []

    @bolt.action("own")
    def own(ack: Any, action: dict[str, str]) -> None:
        ack()
        pressed.append(action["block_id"])

    def blocks(text: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"type": "section", "text": plain(text)}, actions(button("own"), *more)]

    ts = client.chat_postMessage(channel="C0OPS", text="x", blocks=blocks("checking"))["ts"]
    desktop.open(slack)
    own_button, row = desktop.find("[data-action-id=own]"), desktop.find("[data-place=C0PAY]")
    client.chat_postMessage(channel="C0OPS", thread_ts=ts, text="first step")
    client.chat_postMessage(channel="C0PAY", text="elsewhere")
    client.chat_update(channel="C0OPS", ts=ts, text="x", blocks=blocks("broken", button("watch")))
    desktop.shows("broken")
    desktop.find("[data-place=C0PAY].unread, [data-action-id=watch]")
    own_button.click()
    slack.wait_until(lambda: pressed)
    parent = slack.messages()[0]
    assert pressed == [parent.blocks[1]["block_id"]]
    row.click()
    desktop.shows("elsewhere")


def test_buttons_ask_for_confirmation(slack: SandboxServer, bolt: Bolt, client: WebClient, desktop: Page) -> None:
    pressed: list[str] = []

    @bolt.action("probe")
    def probe(ack: Any, action: dict[str, str]) -> None:
        ack()
        pressed.append(action["value"])

    sure = {"title": plain("Sure?"), "text": plain("It creates a pod"), "confirm": plain("Yes"), "deny": plain("No")}
    client.chat_postMessage(
        channel="C0OPS", text="x", blocks=[actions(button("probe", confirm=sure), button("unheard"))]
    )
    desktop.open(slack)
    desktop.click("[data-action-id=probe]")
    desktop.click(".confirm .no")
    desktop.click("[data-action-id=probe]")
    desktop.shows("It creates a pod", ".confirm")
    desktop.click(".confirm .yes")
    slack.wait_until(lambda: pressed)
    assert pressed == ["run-1"]
    desktop.click("[data-action-id=unheard]")
    desktop.shows("This action failed (http_client_error)")


def test_a_menu_offers_its_options(slack: SandboxServer, bolt: Bolt, client: WebClient, desktop: Page) -> None:
    chosen: list[str] = []

    @bolt.action("more")
    def more(ack: Any, action: dict[str, Any]) -> None:
        ack()
        chosen.append(action["selected_option"]["value"])

    options = [{"text": plain(name), "value": name} for name in ("report", "history")]
    client.chat_postMessage(
        channel="C0OPS", text="x", blocks=[actions({"type": "overflow", "action_id": "more", "options": options})]
    )
    desktop.open(slack)
    desktop.click("[data-action-id=more] button")
    desktop.click(".popup [data-value=history]")
    slack.wait_until(lambda: chosen)
    assert chosen == ["history"]


@pytest.fixture
def submitted(bolt: Bolt) -> list[dict[str, Any]]:
    """The submissions of a form that `/egress-diag` opens."""
    values: list[dict[str, Any]] = []

    @bolt.command("/egress-diag")
    def form(ack: Any, client: WebClient, body: dict[str, Any]) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=form_view("Loading…"))

    @bolt.options("gateway")
    def offer(ack: Any) -> None:
        ack(options=[{"text": plain("payments/egress"), "value": "payments/egress"}])

    @bolt.view("form")
    def submit(ack: Any, view: dict[str, Any]) -> None:
        given = view["state"]["values"]
        if " " in given["host"]["host"]["value"]:
            ack(response_action="errors", errors={"host": "This is not a host."})
        else:
            ack()
            values.append(given)

    return values


def form_view(hint: str) -> dict[str, Any]:
    gateway = {"type": "external_select", "action_id": "gateway", "min_query_length": 1}
    host = {"type": "plain_text_input", "action_id": "host"}
    blocks = [
        {"type": "input", "block_id": "host", "label": plain("Host"), "element": host},
        {"type": "input", "block_id": "gateway", "label": plain("Gateway"), "element": gateway},
        {"type": "context", "elements": [plain(hint)]},
    ]
    return {
        "type": "modal",
        "callback_id": "form",
        "blocks": blocks,
        "title": plain("Diagnose"),
        "submit": plain("Check"),
    }


def test_a_form_keeps_its_input_when_it_is_updated(
    slack: SandboxServer, client: WebClient, phone: Page, submitted: list[dict[str, Any]]
) -> None:
    phone.open(slack)
    phone.type("/egress-diag")
    phone.keys(".modal [data-key='host/host']", "a b")
    opened = slack.wait_until(slack.view)
    client.views_update(view_id=opened.id, view=form_view("12 gateways here"))
    phone.shows("12 gateways here", ".modal")
    typed = phone.wait(lambda _: phone.find(".modal [data-key='host/host']").get_attribute("value"), "nothing is typed")
    assert typed == "a b"

    phone.click(".modal .submit")
    phone.shows("Complete this required field.", ".modal")
    phone.keys(".modal .combobox input", "pay")
    phone.click(".modal .options [role=option]")
    phone.click(".modal .submit")
    phone.shows("This is not a host.", ".modal")
    phone.keys(".modal [data-key='host/host']", Keys.BACKSPACE)
    phone.keys(".modal [data-key='host/host']", Keys.BACKSPACE, Keys.ENTER)
    slack.wait_until(lambda: submitted)
    assert submitted[0]["host"]["host"]["value"] == "a"
    assert submitted[0]["gateway"]["gateway"]["selected_option"]["value"] == "payments/egress"
    phone.wait(lambda _: not phone.count(".modal"), "the form is still open")


def test_on_a_phone_the_thread_fills_the_screen_and_channels_are_behind_a_menu(
    slack: SandboxServer, client: WebClient, phone: Page
) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="broken")["ts"]
    client.chat_postMessage(channel="C0OPS", thread_ts=ts, text="a step with " + "averylongword" * 20)
    phone.open(slack)
    assert not phone.driver.find_element("id", "sidebar").is_displayed()
    phone.click(".replies")
    thread = phone.find("#thread").rect
    assert (thread["x"], thread["y"], thread["width"]) == (0, 0, 375)
    assert phone.driver.execute_script("return document.documentElement.scrollWidth") == 375
    phone.click("#thread .back")
    phone.click("#main .menu")
    phone.wait(lambda _: phone.find("#sidebar").rect["x"] == 0, "the menu did not open")
    phone.click("[data-place=C0PAY]")
    phone.shows("payments-oncall", "#main header")


def test_unread_messages_in_other_channels_are_marked(slack: SandboxServer, client: WebClient, desktop: Page) -> None:
    client.chat_postMessage(channel="C0PAY", text="seen before")
    desktop.open(slack)
    client.chat_postMessage(channel="C0PAY", text="new one")
    assert desktop.text("[data-place=C0PAY].unread .count") == "1"
    desktop.click("[data-place=C0PAY]")
    desktop.shows("New\n")
    desktop.wait(lambda _: not desktop.count("[data-place=C0PAY].unread"), "the channel is still marked")


def test_each_person_sees_only_their_own_ephemeral_messages_and_views(
    slack: SandboxServer, client: WebClient, desktop: Page
) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0BOB", text="just for bob")
    client.chat_postMessage(channel="C0OPS", text="for everybody")
    desktop.open(slack, user="U0ALICE")
    desktop.shows("for everybody")
    assert "just for bob" not in desktop.text("#main .scroll")
    desktop.open(slack, user="U0BOB")
    desktop.shows("just for bob")


def test_the_home_tab_shows_a_published_view(slack: SandboxServer, bolt: Bolt, desktop: Page) -> None:
    @bolt.event("app_home_opened")
    def publish(event: dict[str, Any], client: WebClient) -> None:
        header = {"type": "header", "text": plain("Egress gateways")}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [header]})

    desktop.open(slack, place="home")
    desktop.shows("Egress gateways")


def test_text_is_formatted_as_in_slack(slack: SandboxServer, client: WebClient, desktop: Page) -> None:
    text = "*bold* _italic_ ~gone~ `a *b*` <https://example.com|a link> :tada: 2*3*4 snake_case_name\n>quoted\n```\n*raw* <https://x.y>\n```"
    client.chat_postMessage(channel="C0OPS", text=text)
    client.chat_postMessage(channel="C0OPS", text="at <!date^0^{date_num}|long ago> ask <@U0BOB> in <#C0PAY>")
    desktop.open(slack)
    first = ".message .text"
    shown = {tag: desktop.text(f"{first} {tag}") for tag in ("strong", "em", "s", "code", "a", "blockquote", "pre")}
    assert shown == {
        "strong": "bold",
        "em": "italic",
        "s": "gone",
        "code": "a *b*",
        "a": "a link",
        "blockquote": "quoted",
        "pre": "*raw* https://x.y",
    }
    desktop.shows("🎉 2*3*4 snake_case_name")
    year = desktop.text(".message time")[:4]
    assert year in {"1969", "1970"}
    desktop.shows("ask @bob in #payments-oncall")


def test_message_text_never_becomes_markup(slack: SandboxServer, client: WebClient, desktop: Page) -> None:
    hostile = (
        "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> <javascript:alert(1)|x>"
    )
    preformatted = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": hostile}]}
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": hostile}},
        {"type": "header", "text": plain(hostile[:100])},
        {"type": "markdown", "text": "[x](javascript:alert(1)) " + hostile},
        {"type": "rich_text", "elements": [preformatted]},
    ]
    client.chat_postMessage(channel="C0OPS", text=hostile, blocks=blocks)
    client.chat_postMessage(channel="C0OPS", text=hostile)
    desktop.open(slack)
    desktop.shows("alert(1)")
    assert desktop.count(".message script") == 0
    assert desktop.count(".body img") == 0
    assert desktop.count(".body a[href^=javascript]") == 0
    assert desktop.driver.title != "owned"
