"""User actions in messages and views: presses, forms, the App Home.

They run in the server's event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.sandbox import payloads
from bot.sandbox.event_delivery import Ack, Deliverer
from bot.sandbox.form_values import Given, chosen, missing, options_of, view_state
from bot.sandbox.methods.views import checked_view, new_view, replace_view
from bot.sandbox.model.core import ApiError, Core
from bot.sandbox.model.functions import Execution, violations
from bot.sandbox.model.render import view_json
from bot.sandbox.model.state import StoredMessage, View
from bot.sandbox.model.texts import JsonObject, elements_of
from bot.sandbox.model.workspace import new_id


class NoSuchElement(LookupError):
    """The element does not exist, or this person does not see it."""


class UserActions:
    """Carries out the actions of people and delivers them to the bot."""

    def __init__(self, core: Core, deliverer: Deliverer) -> None:
        self._core = core
        self._deliverer = deliverer
        self._offered: dict[tuple[str, str], list[JsonObject]] = {}

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

    async def open_assistant(self, *, user: str, viewed: str) -> tuple[Ack, StoredMessage]:
        """Start a thread in the assistant view while `viewed` is open; return its first message."""
        workspace = self._core.workspace
        channel = workspace.direct_channel(user)
        root = workspace.post(
            StoredMessage(
                channel=channel.id, ts=workspace.new_ts(), author=self._core.app.bot_user, text="New assistant thread"
            )
        )
        if "assistant_thread_started" not in self._core.app.events:
            return Ack(True), root
        self._core.prompts[channel.id, root.ts] = ()
        inner: JsonObject = {
            "type": "assistant_thread_started",
            "assistant_thread": {
                "user_id": user,
                "context": {"channel_id": viewed} if viewed else {},
                "channel_id": channel.id,
                "thread_ts": root.ts,
            },
            "event_ts": workspace.new_ts(),
        }
        return await self._deliverer.send_event(payloads.event(self._core, inner)), root

    # -- workflows ----------------------------------------------------------------------------------------------------

    async def run_step(self, callback_id: str, inputs: Mapping[str, str]) -> tuple[Ack, str]:
        """Let a workflow execute a custom step; return the answer and the ID of the execution.

        Raises ValueError for inputs that Workflow Builder does not accept.
        """
        function = next((each for each in self._core.app.functions if each.callback_id == callback_id), None)
        if function is None or "function_executed" not in self._core.app.events:
            raise ValueError(f"the app has no step {callback_id!r}")
        if problems := violations(function.inputs, inputs):
            raise ValueError("; ".join(problems))
        execution = Execution(new_id("Fx0"), function)
        self._core.executions[execution.id] = execution
        ack = await self._deliverer.send_event(payloads.function_executed(self._core, execution, inputs))
        return ack, execution.id

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
