"""What the mesh does with a request: its route, and whether the bot's own traffic takes it."""
