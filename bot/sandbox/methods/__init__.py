"""The Web API's methods, by subject."""

from bot.sandbox.methods import chat, conversations, files, people, views
from bot.sandbox.model.core import Method

METHODS: dict[str, Method] = {
    **chat.CHAT_METHODS,
    **conversations.CONVERSATION_METHODS,
    **files.FILE_METHODS,
    **people.PEOPLE_METHODS,
    **views.VIEW_METHODS,
}
