"""Slash commands and messages that people type. They run in the server's event loop."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox import payloads
from bot.sandbox.event_delivery import Ack, Deliverer
from bot.sandbox.model.core import ApiError, Args, Core
from bot.sandbox.model.grants import ResponseUrl
from bot.sandbox.model.state import Channel, StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.responses import show_answer


class TypedText:
    """Posts what people type, and delivers commands and mentions to the bot."""

    def __init__(self, core: Core, deliverer: Deliverer) -> None:
        self._core = core
        self._deliverer = deliverer

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
        if core.workspace.channels[channel].im_user is not None:
            return await self._direct(message)
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

    async def _direct(self, message: StoredMessage) -> Ack:
        """Deliver a message that a person wrote to the bot."""
        core = self._core
        if "message.im" not in core.app.events or "im:history" not in core.scopes:
            return Ack(True, message=message)
        inner: JsonObject = {
            "type": "message",
            "channel_type": "im",
            "user": message.author,
            "text": message.text,
            "ts": message.ts,
            "channel": message.channel,
            "event_ts": message.ts,
        }
        if message.thread_ts:
            inner["thread_ts"] = message.thread_ts
        return replace(await self._deliverer.send_event(payloads.event(core, inner)), message=message)


def _may_write(channel: Channel | None, user: str) -> str:
    """Slack's error code if this person cannot write in the channel, else an empty string."""
    if channel is None:
        return "channel_not_found"
    if channel.is_archived:
        return "is_archived"
    return "" if user in channel.members else "not_in_channel"
