"""The Web API's methods, by what they are about."""

from bot.sandbox.core import Method
from bot.sandbox.methods import chat, conversations, files, people, views

METHODS: dict[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
}
