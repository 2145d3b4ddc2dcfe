"""assistant.threads.*: prompts in the assistant view."""

from __future__ import annotations

from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.schema import Problems, array, fields, string
from bot.sandbox.model.texts import JsonObject

_PROMPTS = array(fields({"title": string(3000), "message": string(3000)}), most=4)


def set_suggested_prompts(core: Core, args: Args) -> JsonObject:
    """assistant.threads.setSuggestedPrompts"""
    channel = core.channel(args.required("channel_id"))
    thread = (channel.id, args.required("thread_ts"))
    if thread not in core.prompts:
        raise ApiError("invalid_thread_ts")
    prompts, problems = args.json("prompts", "invalid_arguments"), Problems()
    _PROMPTS(prompts, "/prompts", problems)
    if problems or not isinstance(prompts, list):
        raise ApiError("invalid_arguments", response_metadata={"messages": problems})
    core.prompts[thread] = tuple(prompts)
    core.workspace.put_channel(channel)  # the page shows the prompts
    return {}


ASSISTANT_METHODS = {
    "assistant.threads.setSuggestedPrompts": Method(set_suggested_prompts, ("assistant:write",)),
}
