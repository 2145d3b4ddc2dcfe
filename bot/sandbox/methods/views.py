"""views.*: modals and the App Home."""

from __future__ import annotations

import secrets
from dataclasses import replace

from bot.sandbox.model.block_rules import problems_of_view
from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.render import view_json
from bot.sandbox.model.state import View
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import new_id, with_ids

STACK_LIMIT = 3


def open_view(core: Core, args: Args) -> JsonObject:
    """views.open"""
    body = checked_view(core, args.json("view", "invalid_arguments"), "modal")
    user = _triggered(core, args)
    for view in core.workspace.stack(user)[:1]:
        core.workspace.close_view(view, whole_stack=True)
    return {"view": view_json(core, new_view(core, user, body))}


def push_view(core: Core, args: Args) -> JsonObject:
    """views.push"""
    body = checked_view(core, args.json("view", "invalid_arguments"), "modal")
    user = _triggered(core, args)
    stack = core.workspace.stack(user)
    if not stack:
        raise ApiError("not_found")
    if len(stack) >= STACK_LIMIT:
        raise ApiError("push_limit_reached")
    return {"view": view_json(core, new_view(core, user, body))}


def update_view(core: Core, args: Args) -> JsonObject:
    """views.update"""
    body = checked_view(core, args.json("view", "invalid_arguments"), None)
    view_id, external_id = args.text("view_id"), args.text("external_id")
    found = core.workspace.view(view_id) if view_id else _by_external_id(core, external_id)
    if found is None:
        raise ApiError("not_found")
    if args.text("hash") and args.text("hash") != found.hash:
        raise ApiError("hash_conflict")
    return {"view": view_json(core, replace_view(core, found, body))}


def publish_view(core: Core, args: Args) -> JsonObject:
    """views.publish: the App Home of one person."""
    body = checked_view(core, args.json("view", "invalid_arguments"), "home")
    user = args.required("user_id")
    if user not in core.workspace.users:
        raise ApiError("user_not_found")
    old = core.workspace.home(user)
    if args.text("hash") and old is not None and args.text("hash") != old.hash:
        raise ApiError("hash_conflict")
    view = replace_view(core, old, body) if old else new_view(core, user, body)
    return {"view": view_json(core, view)}


def checked_view(core: Core, view: object, kind: str | None) -> JsonObject:
    """The validated view. Raises ApiError if it is invalid or not of this kind."""
    problems = problems_of_view(view, core.faults.refused_blocks)
    if not problems and kind and isinstance(view, dict) and view["type"] != kind:
        problems = [f"must be one of [{kind}] [json-pointer:/view/type]"]
    if problems or not isinstance(view, dict):
        messages = [f"[ERROR] {problem}" for problem in problems]
        raise ApiError("invalid_arguments", response_metadata={"messages": messages})
    return {**view, "blocks": list(with_ids(view["blocks"]))}


def new_view(core: Core, user: str, body: JsonObject) -> View:
    """Show a new view to `user`: on top of the open modals, or as the App Home."""
    stack = core.workspace.stack(user) if body["type"] == "modal" else ()
    view_id = new_id("V0")
    view = View(
        id=view_id,
        user=user,
        type=body["type"],
        hash=_new_hash(core),
        body=body,
        root_id=stack[0].id if stack else view_id,
        previous_id=stack[-1].id if stack else None,
    )
    core.workspace.put_view(view)
    return view


def replace_view(core: Core, view: View, body: JsonObject) -> View:
    """Replace the content of a view."""
    new = replace(view, body=body, hash=_new_hash(core))
    core.workspace.put_view(new)
    return new


def _new_hash(core: Core) -> str:
    return f"{int(core.workspace.clock())}.{secrets.token_hex(4)}"


def _triggered(core: Core, args: Args) -> str:
    user, refusal = core.grants.use_trigger(args.required("trigger_id"))
    if refusal:
        raise ApiError(refusal)
    return user


def _by_external_id(core: Core, external_id: str) -> View | None:
    if not external_id:
        raise ApiError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view_id"]})
    return next((view for view in core.workspace.all_views() if view.body.get("external_id") == external_id), None)


VIEW_METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push_view),
    "views.update": Method(update_view),
    "views.publish": Method(publish_view),
}
