"""canvases.*: documents of the bot."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.state import Canvas
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import new_id

MARKDOWN_BYTES = 1024 * 1024


def create(core: Core, args: Args) -> JsonObject:
    """canvases.create"""
    if not core.app.canvases:
        raise ApiError("free_teams_cannot_create_non_tabbed_canvases")
    content = args.json("document_content", "invalid_arguments")
    canvas = Canvas(new_id("F0"), args.required("title"), _markdown(content))
    core.canvases[canvas.id] = canvas
    return {"canvas_id": canvas.id}


def edit(core: Core, args: Args) -> JsonObject:
    """canvases.edit, for the replacement of the whole content."""
    canvas, changes = _canvas(core, args), args.json("changes", "invalid_arguments")
    match changes:
        case [{"operation": "replace", "document_content": content, **rest}] if not rest:
            core.canvases[canvas.id] = replace(canvas, markdown=_markdown(content))
        case _:
            raise ApiError("invalid_arguments")
    return {}


def set_access(core: Core, args: Args) -> JsonObject:
    """canvases.access.set, for channels."""
    canvas, channels = _canvas(core, args), args.json("channel_ids", "invalid_arguments")
    if args.required("access_level") not in ("read", "write") or not isinstance(channels, list):
        raise ApiError("invalid_arguments")
    for channel in channels:
        if core.channel(str(channel)).im_user is not None:
            raise ApiError("invalid_arguments")
    core.canvases[canvas.id] = replace(canvas, channels=tuple(dict.fromkeys((*canvas.channels, *channels))))
    return {}


def _canvas(core: Core, args: Args) -> Canvas:
    found = core.canvases.get(args.required("canvas_id"))
    if found is None:
        raise ApiError("canvas_not_found")
    return found


def _markdown(content: object) -> str:
    match content:
        case {"type": "markdown", "markdown": str(text), **rest} if not rest and len(text.encode()) <= MARKDOWN_BYTES:
            return text
        case _:
            raise ApiError("invalid_arguments")


CANVAS_METHODS = {
    "canvases.create": Method(create, ("canvases:write",)),
    "canvases.edit": Method(edit, ("canvases:write",)),
    "canvases.access.set": Method(set_access, ("canvases:write",)),
}
