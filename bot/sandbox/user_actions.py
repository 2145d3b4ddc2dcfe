"""User actions: messages, presses and forms. They run in the server's event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.sandbox import payloads
from bot.sandbox.core import ApiError, Args, Core
from bot.sandbox.delivery import Ack, Deliverer
from bot.sandbox.forms import Given, chosen, missing, options_of, view_state
from bot.sandbox.grants import ResponseUrl
from bot.sandbox.methods.views import checked_view, new_view, replace_view
from bot.sandbox.render import view_json
from bot.sandbox.responses import show_answer
from bot.sandbox.state import Channel, JsonObject, StoredMessage, View, elements_of


class NoSuchElement(LookupError):
    """The element does not exist, or this person does not see it."""


class UserActions:
    """Carries out the actions of people and delivers them to the bot."""

    def __init__(self, core: Core, deliverer: Deliverer) -> None:
        self._core = core
        self._deliverer = deliverer
        self._offered: dict[tuple[str, str], list[JsonObject]] = {}

    # -- typing -------------------------------------------------------------------------------------------------------

    async def say(self, text: str, *, user: str, channel: str, thread_ts: str | None = None) -> Ack:
        """Type a slash command, or a message in which `@name` is a mention."""
        place = self._core.workspace.channels.get(channel)
        refusal = _may_write(place, user)
        if refusal:
            return Ack(False, error=refusal)
        if text.startswith("/"):
            return await self._command(text, user, channel, thread_ts)
        return await self._message(text, user, channel, thread_ts)

    async def _command(self, text: str, user: str, channel: str, thread_ts: str | None) -> Ack:
        command, _, rest = text.partition(" ")
        workspace = self._core.workspace
        if thread_ts is not None:
            notice = workspace.notice(channel, user, f"{command} is not supported in threads.", thread_ts=thread_ts)
            return Ack(False, error="not_supported_in_threads", message=notice)
        if command != self._core.app.command:
            notice = workspace.notice(channel, user, f"{command} is not a valid command.")
            return Ack(False, error="unknown_command", message=notice)
        sent = payloads.slash_command(self._core, command=command, text=rest.strip(), user=user, channel=channel)
        ack = await self._deliverer.send("slash_commands", sent)
        if not ack.ok:
            notice = workspace.notice(channel, user, f'{command} failed with the error "{ack.error}"')
            return replace(ack, message=notice)
        return self._shown(ack, command, ResponseUrl(user, channel, 0))

    def _shown(self, ack: Ack, command: str, place: ResponseUrl) -> Ack:
        """Show the bot's answer to a command, if it has one."""
        values = {"text": ack.payload} if isinstance(ack.payload, str) else ack.payload
        if not values or not (values.get("text") or values.get("blocks")):
            return ack
        try:
            return replace(ack, message=show_answer(self._core, place, Args(values)))
        except ApiError as refusal:
            text = f'{command} failed with the error "{refusal.error}"'
            notice = self._core.workspace.notice(place.channel, place.user, text)
            return replace(ack, ok=False, error=refusal.error, message=notice)

    async def _message(self, text: str, user: str, channel: str, thread_ts: str | None) -> Ack:
        core = self._core
        typed = payloads.as_typed(core.workspace, core.app, text)
        message = core.workspace.post(
            StoredMessage(channel=channel, ts=core.workspace.new_ts(), author=user, text=typed, thread_ts=thread_ts)
        )
        member = core.app.bot_user in core.workspace.channels[channel].members
        listens = "app_mention" in core.app.events and "app_mentions:read" in core.scopes and member
        if f"<@{core.app.bot_user}>" not in typed or not listens:
            return Ack(True, message=message)
        inner: JsonObject = {
            "type": "app_mention",
            "user": user,
            "text": typed,
            "ts": message.ts,
            "channel": channel,
            "event_ts": message.ts,
        }
        if thread_ts:
            inner["thread_ts"] = thread_ts
        return replace(await self._deliverer.send_event(payloads.event(core, inner)), message=message)

    # -- pressing -----------------------------------------------------------------------------------------------------

    async def press(
        self,
        where: StoredMessage | View,
        action_id: str,
        *,
        user: str,
        block_id: str | None = None,
        given: Given = None,
        forged: str | None = None,
        values: Mapping[str, Given] | None = None,
    ) -> Ack:
        """Press a button, or choose or type `given`; `forged` replaces the value of the button."""
        where = self._latest(where, user)
        block, element = self._element(where, action_id, block_id)
        action: JsonObject = {"type": element["type"], "action_id": action_id, "block_id": block["block_id"]}
        if element["type"] == "button":
            action |= {"text": element["text"]}
            action |= {name: element[name] for name in ("value", "style", "url") if name in element}
            action |= {"value": forged} if forged is not None else {}
        else:
            action |= chosen(element, given, self._offered.get((_id(where), action_id), []))
            action |= (
                {"selected_option": {"text": {"type": "plain_text", "text": "?"}, "value": forged}} if forged else {}
            )
        state = self._state(
            where, {**(values or {}), **({} if given is None else {f"{block['block_id']}/{action_id}": given})}
        )
        if isinstance(where, View):
            where = replace(where, answers=state)
            self._core.workspace.put_view(where)
        return await self._deliverer.send("interactive", payloads.block_actions(self._core, where, user, action, state))

    async def type_ahead(
        self, where: StoredMessage | View, action_id: str, typed: str, *, user: str, block_id: str | None = None
    ) -> tuple[Ack, tuple[JsonObject, ...]]:
        """Type into an external select; return the options that the bot offers."""
        where = self._latest(where, user)
        block, element = self._element(where, action_id, block_id)
        if element["type"] not in {"external_select", "multi_external_select"}:
            raise NoSuchElement(f"{action_id} is a {element['type']}, not an external select")
        payload = payloads.interaction(self._core, "block_suggestion", user) | payloads.interaction_source(
            self._core, where
        )
        payload |= {"action_id": action_id, "block_id": block["block_id"], "value": typed}
        ack = await self._deliverer.send("interactive", payload)
        options = options_of(ack.payload) if isinstance(ack.payload, dict) else []
        self._offered.setdefault((_id(where), action_id), []).extend(options)
        return ack, tuple(options)

    # -- forms and the App Home ---------------------------------------------------------------------------------------

    async def submit(self, view: View, values: Mapping[str, Given], *, user: str) -> Ack:
        """Submit a form; if a required field is empty, refuse it here, as Slack's client does."""
        latest = self._latest_view(view, user)
        state = self._state(latest, values)
        latest = replace(latest, answers=state)
        self._core.workspace.put_view(latest)
        empty = missing(latest.blocks, state)
        if empty:
            return Ack(False, error="required_fields", payload={"response_action": "errors", "errors": empty})
        ack = await self._deliverer.send("interactive", payloads.view_submission(self._core, latest, user, state))
        return self._submitted(latest, ack) if ack.ok else ack

    def _submitted(self, view: View, ack: Ack) -> Ack:
        """Close or update the modal according to the bot's answer."""
        answer = ack.payload if isinstance(ack.payload, dict) else {}
        try:
            match answer.get("response_action"):
                case None:
                    self._core.workspace.close_view(view)
                case "clear":
                    self._core.workspace.close_view(view, whole_stack=True)
                case "errors":
                    return replace(ack, ok=False, error="errors")
                case "update":
                    replace_view(self._core, view, checked_view(self._core, answer.get("view"), "modal"))
                case "push":
                    new_view(self._core, view.user, checked_view(self._core, answer.get("view"), "modal"))
                case _:
                    return replace(ack, ok=False, error="invalid_response_action")
        except ApiError as refusal:
            return replace(ack, ok=False, error=refusal.error)
        return ack

    async def close(self, view: View, *, user: str, whole_stack: bool = False) -> Ack:
        """Close a form; notify the bot if the view has `notify_on_close`."""
        closed = self._core.workspace.close_view(view, whole_stack=whole_stack or bool(view.body.get("clear_on_close")))
        ack = Ack(True)
        for each in closed:
            if each.body.get("notify_on_close"):
                payload = payloads.view_closed(self._core, each, user, cleared=len(closed) > 1)
                ack = await self._deliverer.send("interactive", payload)
        return ack

    async def open_home(self, *, user: str) -> Ack:
        """Open the App Home: the bot receives app_home_opened."""
        if "app_home_opened" not in self._core.app.events:
            return Ack(True)
        core = self._core
        channel = core.workspace.direct_channel(user)
        inner: JsonObject = {
            "type": "app_home_opened",
            "user": user,
            "channel": channel.id,
            "event_ts": core.workspace.new_ts(),
            "tab": "home",
        }
        home = core.workspace.home(user)
        if home is not None:
            inner["view"] = view_json(core, home)
        return await self._deliverer.send_event(payloads.event(core, inner))

    # -- current state ------------------------------------------------------------------------------------------------

    def _latest(self, where: StoredMessage | View, user: str) -> StoredMessage | View:
        """The current state of a message or view.

        Raises NoSuchElement if this person does not see it.
        """
        workspace = self._core.workspace
        if isinstance(where, View):
            return self._latest_view(where, user)
        message = workspace.message(where.channel, where.ts)
        if message is None:
            raise NoSuchElement(f"message {where.ts} was deleted")
        if user not in workspace.channels[message.channel].members or message.only_for not in {None, user}:
            raise NoSuchElement(f"{user} does not see message {where.ts}")
        return message

    def _latest_view(self, where: View, user: str) -> View:
        view = self._core.workspace.view(where.id)
        if view is None or view.user != user:
            raise NoSuchElement(f"{user} has no view {where.id} open")
        return view

    def _element(
        self, where: StoredMessage | View, action_id: str, block_id: str | None
    ) -> tuple[JsonObject, JsonObject]:
        for block, element in elements_of(where.blocks):
            if element["action_id"] == action_id and block_id in {None, block["block_id"]}:
                return block, element
        raise NoSuchElement(f"no element {action_id!r}; elements: {', '.join(where.buttons) or 'none'}")

    def _state(self, where: StoredMessage | View, values: Mapping[str, Given]) -> JsonObject:
        kept = where.answers if isinstance(where, View) else None
        offered = {action: options for (place, action), options in self._offered.items() if place == _id(where)}
        return view_state(where.blocks, values, kept, offered)


def _id(where: StoredMessage | View) -> str:
    return where.id if isinstance(where, View) else f"{where.channel}/{where.ts}"


def _may_write(channel: Channel | None, user: str) -> str:
    """Slack's error code if this person cannot write in the channel, else an empty string."""
    if channel is None:
        return "channel_not_found"
    if channel.is_archived:
        return "is_archived"
    return "" if user in channel.members else "not_in_channel"
