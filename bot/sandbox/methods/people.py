"""auth.test, users.info, usergroups.* and apps.connections.open."""

from __future__ import annotations

import secrets

from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.render import user_json
from bot.sandbox.model.state import UserGroup
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import TEAM_ID


def auth_test(core: Core, _args: Args) -> JsonObject:
    """auth.test"""
    return {
        "url": f"{core.url}/",
        "team": "Sandbox",
        "user": core.app.name,
        "team_id": TEAM_ID,
        "user_id": core.app.bot_user,
        "bot_id": core.app.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(core: Core, _args: Args) -> JsonObject:
    """apps.connections.open: the address for one Socket Mode connection."""
    ticket = secrets.token_urlsafe(18)
    core.tickets.add(ticket)
    return {"url": f"ws{core.url.removeprefix('http')}/link/?ticket={ticket}&app_id={core.app.app_id}"}


def user_info(core: Core, args: Args) -> JsonObject:
    """users.info"""
    user = core.workspace.users.get(args.text("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user_json(user)}


def list_groups(core: Core, args: Args) -> JsonObject:
    """usergroups.list"""
    return {"usergroups": [_group_json(group, args.flag("include_users")) for group in core.workspace.groups.values()]}


def list_group_users(core: Core, args: Args) -> JsonObject:
    """usergroups.users.list"""
    group = core.workspace.groups.get(args.required("usergroup"))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def _group_json(group: UserGroup, with_users: bool) -> JsonObject:
    found: JsonObject = {
        "id": group.id,
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "handle": group.handle,
        "name": group.name,
        "user_count": len(group.users),
        "date_delete": 0,
    }
    return found | ({"users": list(group.users)} if with_users else {})


PEOPLE_METHODS = {
    "api.test": Method(lambda _core, args: {"args": dict(args.values)}),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(open_connection, ("connections:write",), app_level=True),
    "users.info": Method(user_info, ("users:read",)),
    "usergroups.list": Method(list_groups, ("usergroups:read",)),
    "usergroups.users.list": Method(list_group_users, ("usergroups:read",)),
}
