"""The route of a request through the mesh, and the bot's own traffic.

For the latter: whether it goes through a gateway.
"""
