"""The listener for buttons and menus: a press is carried out once despite redelivery."""

import re
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.grammar.commands import Diagnose, Mistake
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.interactions.presses import interaction_of
from bot.listeners import buttons
from bot.listeners.active_steps import STEP_ACTIONS
from bot.listeners.forms import open_wrong_result_form
from bot.listeners.home import show_home
from bot.listeners.mentions import ask
from bot.listeners.slash_command import run_command
from bot.messages import answers, thread_answers
from bot.messages.blocks import Message
from bot.messages.interaction_values import MenuValue, OutdatedValue


def register_actions(app: App, handler: InteractionHandler) -> None:
    """Register the listener for the buttons and menus of runs, watches and answers."""
    actions = {**buttons.BUTTON_ACTIONS, **STEP_ACTIONS, "suggestion": run_suggestion, thread_answers.ASK: ask}
    listened = "|".join([*actions, "more", "home"])

    @app.action(re.compile(rf"^({listened})(/.*)?$"))
    def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
        ack()
        context["acknowledged"] = True
        interaction = interaction_of(body, action)
        name, value = str(action.get("action_id", "")).split("/", 1)[0], str(action.get("value", ""))
        if name == "more":
            _choose(handler, interaction, str((action.get("selected_option") or {}).get("value", "")))
        elif name == "home":
            show_home(handler, interaction.user)
        else:
            handler.once(interaction, f"press {name}", value, lambda: actions[name](handler, value, interaction))


def _choose(handler: InteractionHandler, interaction: Interaction, value: str) -> None:
    """Carry out an option of the overflow menu."""
    try:
        chosen = MenuValue.decode(value)
    except OutdatedValue:
        handler.once(interaction, "press more", value, answers.outdated_button)
        return
    do = open_wrong_result_form if chosen.option == "wrong" else buttons.MENU_ACTIONS[chosen.option]
    handler.once(interaction, f"press {chosen.option}", chosen.run, lambda: do(handler, chosen.run, interaction))


def run_suggestion(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    """Run a suggested command with the same parsing and access check as a typed one.

    The gateway name is taken literally, because the known gateways may be out of date.
    """
    command = handler.parsed(text, interaction, literal=True)
    match command:
        case Diagnose():
            return handler.diagnose(command, interaction)
        case Mistake():
            return answers.mistake(command)
        case _:
            return run_command(handler, text, interaction)
