"""The Markdown of canvases."""

import pytest

from bot.messages.blocks import as_code, context, divider, plain, raw, section
from bot.messages.canvas import canvas_markdown


@pytest.mark.parametrize(
    ("mrkdwn", "markdown"),
    [
        (raw("<@U0ALICE> in <#C0OPS>"), "![](@U0ALICE) in ![](#C0OPS)"),
        (raw("<https://a.example/x?y=1|thread>"), "[thread](https://a.example/x?y=1)"),
        (
            raw("since <!date^1796040000^{date_short_pretty} at {time}|Nov 30 at 12:00 UTC>"),
            "since Nov 30 at 12:00 UTC",
        ),
        (raw("a *bold* word"), "a **bold** word"),
        (raw(f"{as_code('a < b & c')} stays"), "`a < b & c` stays"),
        (plain("*x* _y_ `z` <!channel> [a](https://b.example) # !"), None),
    ],
)
def test_mrkdwn_becomes_markdown(mrkdwn: object, markdown: str | None) -> None:
    found = canvas_markdown([section(raw(str(mrkdwn)))])
    if markdown is not None:
        assert found == markdown
    else:
        assert found == "\\*x\\* \\_y\\_ \\`z\\` \\<\\!channel\\> \\[a\\](https://b.example) \\# \\!"


def test_a_list_has_a_heading_and_one_line_for_each_item() -> None:
    blocks = [
        section(raw("❌ *Open*\n• one · no owner\n   EG407 the cause\n• two")),
        divider(),
        context(raw("The rest.")),
    ]
    assert canvas_markdown(blocks) == "## ❌ Open\n- one · no owner · EG407 the cause\n- two\n\nThe rest."
