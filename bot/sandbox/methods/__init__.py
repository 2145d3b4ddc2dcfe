"""The Web API's methods, by subject."""

from bot.sandbox.core import Method
from bot.sandbox.methods import chat, conversations, files, people, views

METHODS: dict[str, Method] = {
    **chat.CHAT_METHODS,
    **conversations.CONVERSATION_METHODS,
    **files.FILE_METHODS,
    **people.PEOPLE_METHODS,
    **views.VIEW_METHODS,
}
