"""The route of a request through the mesh, and whether the bot's own traffic goes through a gateway."""
