"""The Web API's methods, by subject."""

from bot.sandbox.methods import assistant, canvases, chat, conversations, files, functions, people, views
from bot.sandbox.model.core import Method

METHODS: dict[str, Method] = {
    **assistant.ASSISTANT_METHODS,
    **canvases.CANVAS_METHODS,
    **chat.CHAT_METHODS,
    **conversations.CONVERSATION_METHODS,
    **files.FILE_METHODS,
    **functions.FUNCTION_METHODS,
    **people.PEOPLE_METHODS,
    **views.VIEW_METHODS,
}
