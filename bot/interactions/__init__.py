"""Interactions of people with the bot: commands, presses, forms, mentions, and the answers to them."""
