"""Interactions of people with the bot: commands, presses, forms, mentions, answers."""
