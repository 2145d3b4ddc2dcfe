"""Answers outside the Web API: to commands, and through response URLs.

A command is answered immediately, a response URL later.
"""

from __future__ import annotations

from bot.sandbox.model.core import TEXT_LIMIT, ApiError, Args, Core, blocks_of
from bot.sandbox.model.grants import ResponseUrl
from bot.sandbox.model.state import StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import with_ids


def answer_response_url(core: Core, path: str, values: JsonObject) -> tuple[JsonObject, int]:
    """Carry out a POST to a response URL; return Slack's answer and HTTP status."""
    url, error = core.grants.use_response_url(path)
    if url is None:
        return {"ok": False, "error": error}, 404
    try:
        _answer(core, url, Args(values))
    except ApiError as refusal:
        return {"ok": False, "error": refusal.error, **refusal.extra}, 400
    return {"ok": True}, 200


def _answer(core: Core, url: ResponseUrl, args: Args) -> None:
    original = core.workspace.message(url.channel, url.ts) if url.ts else None
    if args.flag("delete_original"):
        if original is not None:
            core.workspace.delete(original)
    elif args.flag("replace_original") and original is not None:
        text, blocks = _content(core, args)
        core.workspace.update(original, edited=not blocks, text=text, blocks=with_ids(blocks))
    else:
        show_answer(core, url, args)


def show_answer(core: Core, url: ResponseUrl, args: Args) -> StoredMessage:
    """Show an answer as a new message to one person, or to the channel (`in_channel`)."""
    text, blocks = _content(core, args)
    everybody = args.text("response_type") == "in_channel"
    return core.workspace.post(
        StoredMessage(
            channel=url.channel,
            ts=core.workspace.new_ts(),
            author=core.app.bot_user,
            text=text,
            blocks=with_ids(blocks),
            thread_ts=args.text("thread_ts") or url.thread_ts,
            only_for=None if everybody else url.user,
        )
    )


def _content(core: Core, args: Args) -> tuple[str, list[JsonObject]]:
    text, blocks = args.text("text"), blocks_of(core, args) or []
    if not text and not blocks:
        raise ApiError("no_text")
    if len(text) > TEXT_LIMIT:
        raise ApiError("msg_too_long")
    return text, blocks
